package io.sluice.origin.file;

import static org.junit.jupiter.api.Assertions.assertThrows;

import io.sluice.block.Bio;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import io.sluice.block.OriginDevice;
import io.sluice.block.OriginOptions;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** An origin opened for a test, whose alarms the test lets ring. */
final class OriginFixture implements AutoCloseable {
  static final OriginOptions READ_ONLY = new OriginOptions(true, false, 0);
  static final OriginOptions DIRECT = new OriginOptions(false, true, 0);

  private final List<Runnable> alarms = new ArrayList<>();
  final FileOriginProvider provider =
      new FileOriginProvider((delayNanos, task) -> alarms.add(task));
  final OriginDevice origin;

  OriginFixture(Path path, OriginOptions options) throws ErrnoException {
    origin = provider.open(path.toString(), options);
  }

  /** Lets so much time pass that the size is looked at again. */
  void letSizeAge() {
    List<Runnable> due = List.copyOf(alarms);
    alarms.clear();
    due.forEach(Runnable::run);
  }

  void write(long offsetBytes, ByteBuffer data, int flags) throws ErrnoException {
    origin.submit(new Bio().write(offsetBytes, data, flags));
  }

  byte[] read(long offsetBytes, int lengthBytes) throws ErrnoException {
    ByteBuffer data = ByteBuffer.allocateDirect(lengthBytes);
    origin.submit(new Bio().read(offsetBytes, data));
    byte[] bytes = new byte[lengthBytes];
    data.flip().get(bytes);
    return bytes;
  }

  ErrnoException refused(Bio bio) {
    return assertThrows(ErrnoException.class, () -> origin.submit(bio), bio.toString());
  }

  /** Such as {@code "4096 DATA"}, neighbours of one state merged. */
  List<String> status(long offsetBytes, long lengthBytes) throws ErrnoException {
    List<Long> lengths = new ArrayList<>();
    List<Integer> states = new ArrayList<>();
    ExtentVisitor visitor =
        (length, state) -> {
          int last = states.size() - 1;
          if (last >= 0 && states.get(last) == state) {
            lengths.set(last, lengths.get(last) + length);
          } else {
            lengths.add(length);
            states.add(state);
          }
          return true;
        };
    origin.status(offsetBytes, lengthBytes, visitor);
    List<String> text = new ArrayList<>();
    for (int i = 0; i < states.size(); i++) {
      text.add(lengths.get(i) + (states.get(i) == ExtentVisitor.DATA ? " DATA" : " HOLE"));
    }
    return text;
  }

  static byte[] bytes(int lengthBytes, long seed) {
    byte[] bytes = new byte[lengthBytes];
    new Random(seed).nextBytes(bytes);
    return bytes;
  }

  static ByteBuffer direct(byte[] bytes) {
    return ByteBuffer.allocateDirect(bytes.length).put(bytes).flip();
  }

  @Override
  public void close() throws IOException {
    origin.close();
  }
}
