package io.sluice.origin.file;

import static io.sluice.origin.file.OriginFixture.bytes;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.sluice.block.Bio;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.linux.ControlDescriptor;
import io.sluice.linux.SteadyChannel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Storage that has neither holes nor a way to zero: zeroes are written, in pieces. */
class ZeroFallbackTest {
  private static final int SIZE_BYTES = 1 << 20;
  private static final int BLOCK_BYTES = 4096;

  /** Does nothing, and says so. */
  private static final RangeCalls NONE =
      new RangeCalls() {
        @Override
        public void discard(long offsetBytes, long lengthBytes) {}

        @Override
        public boolean zero(long offsetBytes, long lengthBytes, boolean unmap, boolean fastOnly) {
          return false;
        }
      };

  @TempDir Path directory;
  private final AtomicInteger releasedCount = new AtomicInteger();

  private FileOrigin open(Path file, boolean direct) throws IOException {
    ControlDescriptor control = ControlDescriptor.open(file, true, false);
    int alignmentBytes = direct ? BLOCK_BYTES : 0;
    return new FileOrigin(
        file.toString(),
        control.status(),
        control,
        new SteadyChannel(control, file.toString(), true, alignmentBytes),
        new OriginGeometry(
            file.toString(),
            control,
            new DeviceGeometry(
                SIZE_BYTES,
                direct ? BLOCK_BYTES : 1,
                BLOCK_BYTES,
                false,
                false,
                OriginGeometry.ops(false)),
            (delayNanos, task) -> {}),
        NONE,
        new ExtentScan(control),
        direct ? new BounceBuffers(alignmentBytes) : null,
        releasedCount::incrementAndGet);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void zeroesAreWrittenInPieces(boolean direct) throws IOException {
    byte[] content = bytes(SIZE_BYTES, 1);
    Path file = Files.write(directory.resolve("f"), content);
    int at = direct ? BLOCK_BYTES : 5;
    int length = direct ? SIZE_BYTES - 2 * BLOCK_BYTES : SIZE_BYTES - 11;
    try (FileOrigin origin = open(file, direct)) {
      origin.submit(new Bio().writeZeroes(at, length, 0));
      Arrays.fill(content, at, at + length, (byte) 0);
      assertArrayEquals(content, Files.readAllBytes(file));
    }
    assertEquals(1, releasedCount.get());
  }

  @Test
  void fastZeroesAreRefusedUntouchedAndDiscardIsAHint() throws IOException {
    byte[] content = bytes(SIZE_BYTES, 2);
    Path file = Files.write(directory.resolve("f"), content);
    try (FileOrigin origin = open(file, false)) {
      Bio fast = new Bio().writeZeroes(0, 4096, Bio.FAST_ONLY);
      ErrnoException e = assertThrows(ErrnoException.class, () -> origin.submit(fast));
      assertEquals(Errno.ENOTSUP, e.errno());
      origin.submit(new Bio().discard(0, 4096, 0));
      assertArrayEquals(content, Files.readAllBytes(file));
    }
  }
}
