package io.sluice.diffstore.file.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.diffstore.DiffStore;
import io.sluice.linux.testing.Programs;
import io.sluice.swap.HandOver;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A store given away by one provider and taken over by another. */
class FileHandOverTest {
  private static final int MIB = 1 << 20;

  @TempDir Path directory;
  private final FileDiffStoreProvider before = new FileDiffStoreProvider();
  private final FileDiffStoreProvider after = new FileDiffStoreProvider();

  private DiffStore open(String kind) throws ErrnoException {
    boolean file = kind.equals(FileDiffStoreProvider.FILE);
    DiffStore store = before.open(kind, (file ? directory.resolve("diff") : directory).toString());
    store.grow(MIB);
    store.write(8192, ByteBuffer.wrap("kept".getBytes(StandardCharsets.UTF_8)));
    return store;
  }

  private static String read(DiffStore store) throws ErrnoException {
    ByteBuffer data = ByteBuffer.allocate(4);
    store.read(8192, data);
    return new String(data.array(), StandardCharsets.UTF_8);
  }

  private static Errno errnoOf(Executable call) {
    return assertThrows(ErrnoException.class, call).errno();
  }

  @ParameterizedTest
  @ValueSource(strings = {FileDiffStoreProvider.FILE, FileDiffStoreProvider.DIRECTORY})
  void theSuccessorGoesOnWhereItStopped(String kind) throws IOException {
    DiffStore old = open(kind);
    try (DiffStore now = after.takeOver(old.handOver())) {
      assertEquals("kept", read(now));
      assertEquals(MIB, now.capacityBytes());
      assertEquals(old.description(), now.description());
      assertEquals(old.identities(), now.identities());
      now.grow(2 * MIB);
      now.write(2 * MIB - 512, ByteBuffer.allocate(512));
      old.close(); // the predecessor has nothing left to close
      assertEquals("kept", read(now));
      assertEquals(Errno.ESHUTDOWN, errnoOf(() -> read(old)));
      assertEquals(Errno.ESHUTDOWN, errnoOf(old::handOver));
    }
  }

  @Test
  void theFileStaysLockedAllTheWhile() throws IOException {
    String path = directory.resolve("diff").toString();
    DiffStore old = open(FileDiffStoreProvider.FILE);
    HandOver handOver = old.handOver();
    assertEquals(Errno.EBUSY, errnoOf(() -> after.open(FileDiffStoreProvider.FILE, path)));
    DiffStore now = after.takeOver(handOver);
    assertFalse(handOver.channels().get(0).isOpen());
    assertEquals(Errno.EBUSY, errnoOf(() -> after.open(FileDiffStoreProvider.FILE, path)));
    now.close();
    after.open(FileDiffStoreProvider.FILE, path).close();
  }

  @Test
  void whatNobodyTakesOverIsClosedWithTheHandOver() throws IOException {
    String path = directory.resolve("diff").toString();
    open(FileDiffStoreProvider.FILE).handOver().close();
    after.open(FileDiffStoreProvider.FILE, path).close();
  }

  @Test
  void aHandOverThatIsNotUnderstoodStaysUntouched() throws IOException {
    HandOver good = open(FileDiffStoreProvider.FILE).handOver();
    Channel channel = good.channels().get(0);
    HandOver foreign = new HandOver("heap-store/1", good.properties(), good.channels(), List.of());
    assertEquals(Errno.ENOTSUP, errnoOf(() -> after.takeOver(foreign)));
    for (String key : List.of("descriptor", "name", "capacityBytes", "identity.0")) {
      Map<String, String> bent = new HashMap<>(good.properties());
      bent.put(key, "x");
      if (key.equals("name")) {
        bent.remove(key);
      }
      HandOver wrong = new HandOver(good.format(), bent, good.channels(), List.of());
      assertEquals(Errno.EINVAL, errnoOf(() -> after.takeOver(wrong)), key);
    }
    assertTrue(channel.isOpen());
    Programs.succeed("truncate", "-s", "4K", directory.resolve("diff").toString());
    assertEquals(Errno.EIO, errnoOf(() -> after.takeOver(good)));
    assertTrue(channel.isOpen());
    good.close();
  }
}
