package io.sluice.fuse.mount;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.management.ThreadMXBean;
import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.DeviceRole;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.export.ExportRequest;
import io.sluice.export.RateLimit;
import io.sluice.export.RemovalMode;
import io.sluice.linux.testing.Programs;
import io.sluice.testing.MemoryDevice;
import java.io.BufferedReader;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Real mounts, seen through the kernel. */
@Timeout(120)
class MountedTreeTest {
  private static final int SIZE_BYTES = 1 << 20;
  private static final int BLOCK_BYTES = 4096;

  @TempDir Path directory;

  private FuseExports exports;

  @BeforeEach
  void mount() throws Exception {
    assumeTrue(Files.exists(Path.of("/dev/fuse")), "there is no /dev/fuse");
    exports = new FuseExports(new FuseConfiguration(directory.toRealPath(), true, false, 2));
    try {
      exports.start();
    } catch (ErrnoException e) {
      assumeTrue(false, "can't mount here: " + e.getMessage());
    }
  }

  @AfterEach
  void unmount() {
    exports.close();
  }

  private Path show(String name, MemoryDevice device) {
    assertTrue(exports.deviceCame(name, DeviceRole.LIVE, device));
    return directory.resolve("dev").resolve(name);
  }

  private static byte[] pattern(int bytes, int seed) {
    byte[] pattern = new byte[bytes];
    for (int i = 0; i < bytes; i++) {
      pattern[i] = (byte) (i * 31 + seed);
    }
    return pattern;
  }

  @Test
  void bytesGoToTheDeviceAndComeFromIt() throws Exception {
    MemoryDevice device = new MemoryDevice(SIZE_BYTES, 512, false);
    Path file = show("disk", device);
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      byte[] pattern = pattern(100_001, 7);
      assertEquals(pattern.length, channel.write(ByteBuffer.wrap(pattern), 4711));
      assertArrayEquals(pattern, Arrays.copyOfRange(device.bytes, 4711, 4711 + pattern.length));
      channel.force(true);
      assertTrue(device.flushCount.get() > 0);
      device.bytes[5000] ^= 1;
      ByteBuffer one = ByteBuffer.allocate(1);
      assertEquals(1, channel.read(one, 5000));
      assertEquals(device.bytes[5000], one.get(0), "what another client wrote");
    }
    assertArrayEquals(device.bytes, Files.readAllBytes(file));
  }

  /** What this process opens itself is a loop device's, which holds its device in its own name. */
  @Test
  void anotherProcessHoldsTheDeviceAndThisOneDoesNot() throws Exception {
    MemoryDevice device = new MemoryDevice(SIZE_BYTES, 512, false);
    Path file = show("disk", device);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      assertEquals(1, channel.read(ByteBuffer.allocate(1), 0));
      assertEquals(List.of(), List.copyOf(device.holders));
    }
    Process other =
        new ProcessBuilder("sh", "-c", "exec 3<\"$0\" && echo open && read word", file.toString())
            .start();
    try (BufferedReader said = other.inputReader()) {
      assertEquals("open", said.readLine());
      assertEquals(1, device.holders.size());
    } finally {
      other.destroy();
    }
  }

  @Test
  void filesComeAndGoWithTheirDevices() throws Exception {
    MemoryDevice device = new MemoryDevice(SIZE_BYTES);
    Path file = show("disk", device);
    assertEquals(SIZE_BYTES, Files.size(file));
    assertFalse(exports.deviceCame("disk", DeviceRole.LIVE, device), "the name is taken");
    assertFalse(exports.deviceCame("a/b", DeviceRole.LIVE, device), "it is no file's name");
    assertTrue(exports.deviceCame("disk@mon", DeviceRole.IMAGE, device));
    assertTrue(Files.exists(directory.resolve("images/disk@mon")));
    try (FileChannel channel = FileChannel.open(file)) {
      exports.deviceWent(device);
      assertThrows(IOException.class, () -> channel.read(ByteBuffer.allocate(1), 0));
    }
    assertFalse(Files.exists(file));
    try (var names = Files.list(directory.resolve("dev"))) {
      assertEquals(List.of(), names.toList());
    }
  }

  @Test
  void aDeviceIsMountedOverAFile() throws Exception {
    MemoryDevice device = new MemoryDevice(SIZE_BYTES);
    show("disk", device);
    Path over = directory.resolve("over.img");
    exports.add(new ExportRequest("disk", over.toString(), true));
    assertEquals(SIZE_BYTES, Files.size(over));
    assertThrows(IOException.class, () -> FileChannel.open(over, StandardOpenOption.WRITE).close());
    assertErrno(Errno.EEXIST, new ExportRequest("disk", over.toString(), false));
    assertErrno(Errno.EINVAL, new ExportRequest("disk", directory.toString(), false));
    assertErrno(Errno.EINVAL, new ExportRequest("disk", "relative", false));
    assertErrno(Errno.ENODEV, new ExportRequest("none", directory + "/x", false));
    assertErrno(
        Errno.EINVAL,
        new ExportRequest("disk", directory + "/x", false, "", new RateLimit(1, 0), Map.of()));
    FileChannel channel = FileChannel.open(over);
    ErrnoException busy =
        assertThrows(ErrnoException.class, () -> exports.remove(over.toString(), RemovalMode.SAFE));
    assertEquals(Errno.EBUSY, busy.errno());
    exports.remove(over.toString(), RemovalMode.SOFT);
    assertThrows(IOException.class, () -> channel.read(ByteBuffer.allocate(1), 0));
    assertThrows(IOException.class, channel::close, "the kernel tells it once more");
    assertFalse(Files.exists(over), "it was made for this");
    ErrnoException own =
        assertThrows(ErrnoException.class, () -> exports.remove("disk", RemovalMode.HARD));
    assertEquals(Errno.EPERM, own.errno());
  }

  private void assertErrno(Errno expected, ExportRequest request) {
    ErrnoException refused = assertThrows(ErrnoException.class, () -> exports.add(request));
    assertEquals(expected, refused.errno(), refused.getMessage());
  }

  @Test
  void hiddenFilesAreServedUntilTheyAreClosed() throws Exception {
    MemoryDevice device = new MemoryDevice(SIZE_BYTES);
    device.bytes[0] = 5;
    show("disk", device);
    Path over = Files.createFile(directory.resolve("mine"));
    exports.add(new ExportRequest("disk", over.toString(), false));
    try (FileChannel channel = FileChannel.open(over)) {
      exports.remove(over.toString(), RemovalMode.HIDE);
      assertEquals(0, Files.size(over), "the file below");
      ByteBuffer one = ByteBuffer.allocate(1);
      assertEquals(1, channel.read(one, 0));
      assertEquals(5, one.get(0));
    }
    while (exports.list().size() > 1) {
      Thread.onSpinWait();
    }
    assertTrue(Files.exists(over), "it was there before");
  }

  /** Holds its requests up until it is let go. */
  private static final class Hanging extends MemoryDevice {
    final CountDownLatch asked;
    final CountDownLatch goOn = new CountDownLatch(1);
    private final boolean mayBlock;

    Hanging(int requests, boolean mayBlock) {
      super(SIZE_BYTES);
      this.asked = new CountDownLatch(requests);
      this.mayBlock = mayBlock;
    }

    @Override
    public boolean mayBlock() {
      return mayBlock;
    }

    @Override
    public void submit(Bio bio) throws ErrnoException {
      if (bio.op() == BioOp.READ) {
        asked.countDown();
        try {
          goOn.await();
        } catch (InterruptedException e) {
          throw new IllegalStateException(e);
        }
      }
      super.submit(bio);
    }
  }

  private static List<Thread> readInThreads(Path file, int count) {
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      Thread thread =
          new Thread(
              () -> {
                try (FileChannel channel = FileChannel.open(file)) {
                  channel.read(ByteBuffer.allocate(1), 0);
                } catch (IOException e) {
                  // The mount ended; the test looks at what else is there.
                }
              });
      thread.start();
      threads.add(thread);
    }
    return threads;
  }

  @Test
  void aDeviceThatWaitsSeesItsQueueDepth() throws Exception {
    Hanging device = new Hanging(12, true);
    List<Thread> clients = readInThreads(show("slow", device), 12);
    device.asked.await();
    device.goOn.countDown();
    for (Thread client : clients) {
      client.join();
    }
  }

  @Test
  void aDeviceThatHangsDoesNotKeepTheOthers() throws Exception {
    Hanging device = new Hanging(4, false);
    Path other = show("other", new MemoryDevice(SIZE_BYTES));
    List<Thread> clients = readInThreads(show("hangs", device), 4);
    device.asked.await();
    assertEquals(SIZE_BYTES, Files.readAllBytes(other).length);
    device.goOn.countDown();
    for (Thread client : clients) {
      client.join();
    }
  }

  @Test
  void aDeviceThatHangsHoldsUpNoUnmount() throws Exception {
    Hanging device = new Hanging(3, true);
    show("hangs", device);
    Path over = directory.resolve("over.img");
    exports.add(new ExportRequest("hangs", over.toString(), false));
    List<Thread> clients = readInThreads(over, 3);
    device.asked.await();
    exports.remove(over.toString(), RemovalMode.HARD);
    for (Thread client : clients) {
      client.join();
    }
    assertFalse(Files.exists(over));
    device.goOn.countDown();
  }

  @Test
  void aFileThatIsUnmountedByHandIsNoExport() throws Exception {
    show("disk", new MemoryDevice(SIZE_BYTES));
    Path over = directory.resolve("over.img");
    exports.add(new ExportRequest("disk", over.toString(), false));
    assertEquals(2, exports.list().size());
    assertEquals(0, Programs.run("umount", over.toString()).exit());
    while (exports.list().size() > 1) {
      Thread.onSpinWait();
    }
  }

  /** As in the session, and the calls of the kernel besides. */
  @Test
  void readersAllocateNothing() throws Exception {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    assertTrue(threads.isThreadAllocatedMemorySupported(), "this JVM can't tell");
    Path file = show("disk", new MemoryDevice(SIZE_BYTES));
    long[] readers =
        Thread.getAllStackTraces().keySet().stream()
            .filter(thread -> thread.getName().matches("fuse-fuse-[0-9]+"))
            .mapToLong(Thread::getId)
            .toArray();
    assertEquals(2, readers.length);
    ByteBuffer block = ByteBuffer.allocateDirect(BLOCK_BYTES);
    int withoutAny = 0;
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      for (int round = 0; round < 2000 && withoutAny < 50; round++) {
        long before = Arrays.stream(threads.getThreadAllocatedBytes(readers)).sum();
        for (int i = 0; i < 100; i++) {
          channel.read(block.clear(), BLOCK_BYTES);
          channel.write(block.clear(), BLOCK_BYTES);
        }
        long after = Arrays.stream(threads.getThreadAllocatedBytes(readers)).sum();
        withoutAny = after == before ? withoutAny + 1 : 0;
      }
    }
    assertEquals(50, withoutAny, "rounds in a row that allocate nothing");
  }
}
