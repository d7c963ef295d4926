package io.sluice.diffstore.file.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.StorageIdentity;
import io.sluice.diffstore.DiffStore;
import io.sluice.linux.ControlDescriptor;
import io.sluice.linux.testing.LoopDevice;
import io.sluice.linux.testing.Programs;
import io.sluice.linux.testing.SmallFileSystem;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FileDiffStoreTest {
  private static final int MIB = 1 << 20;
  private static final String FILE = FileDiffStoreProvider.FILE;
  private static final String DIRECTORY = FileDiffStoreProvider.DIRECTORY;

  @TempDir Path directory;
  private final FileDiffStoreProvider provider = new FileDiffStoreProvider();

  private DiffStore open(String kind, Path path) throws ErrnoException {
    return provider.open(kind, path.toString());
  }

  private ErrnoException refused(Errno errno, String kind, Path path) {
    ErrnoException e = assertThrows(ErrnoException.class, () -> open(kind, path));
    assertEquals(errno, e.errno(), e.getMessage());
    assertTrue(e.text().startsWith("store " + kind + ":" + path + ": "), e.getMessage());
    return e;
  }

  private static ByteBuffer random(int lengthBytes, long seed) {
    byte[] bytes = new byte[lengthBytes];
    new Random(seed).nextBytes(bytes);
    return ByteBuffer.allocateDirect(lengthBytes).put(bytes).flip();
  }

  private static ByteBuffer read(DiffStore store, long offsetBytes, int lengthBytes)
      throws ErrnoException {
    ByteBuffer data = ByteBuffer.allocateDirect(lengthBytes);
    store.read(offsetBytes, data);
    assertFalse(data.hasRemaining());
    return data.flip();
  }

  @Test
  void servesTwoKinds() {
    assertEquals(Set.of("file", "dir"), provider.kinds());
    ErrnoException e = assertThrows(ErrnoException.class, () -> provider.open("tape", "x"));
    assertEquals(Errno.EINVAL, e.errno());
  }

  @Test
  void newFileIsItsOwnersAndStaysAtClose() throws IOException {
    Path file = directory.resolve("diff");
    try (DiffStore store = open(FILE, file)) {
      assertEquals(0, store.capacityBytes());
      assertEquals(Long.MAX_VALUE, store.capacityMaxBytes());
      assertEquals("file " + file.toRealPath(), store.description());
      assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(file)));
      store.grow(MIB);
      assertEquals(MIB, store.capacityBytes());
      assertTrue(Programs.allocatedBytes(file) >= MIB, "reserved");
    }
    assertEquals(MIB, Files.size(file));
  }

  @Test
  void existingFileStartsWithItsSizeAndNoHoles() throws IOException {
    Path file = Files.createFile(directory.resolve("sparse"));
    Programs.succeed("truncate", "-s", "1M", file.toString());
    assertEquals(0, Programs.allocatedBytes(file));
    try (DiffStore store = open(FILE, file)) {
      assertEquals(MIB, store.capacityBytes());
      assertTrue(Programs.allocatedBytes(file) >= MIB, "reserved");
      store.grow(MIB);
      assertEquals(MIB, store.capacityBytes());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {FILE, DIRECTORY})
  void holdsWhatWasWritten(String kind) throws IOException {
    Path path = kind.equals(FILE) ? directory.resolve("diff") : directory;
    try (DiffStore store = open(kind, path)) {
      store.grow(MIB);
      store.write(4096, random(8192, 1));
      store.write(MIB - 512, random(512, 2));
      assertEquals(random(8192, 1), read(store, 4096, 8192));
      assertEquals(random(512, 2), read(store, MIB - 512, 512));
      store.grow(3 * MIB + 4096);
      store.write(3 * MIB, random(4096, 3));
      assertEquals(random(4096, 3), read(store, 3 * MIB, 4096));
      assertEquals(random(8192, 1), read(store, 4096, 8192));
      ByteBuffer none = ByteBuffer.allocateDirect(2);
      long end = store.capacityBytes();
      for (long at : new long[] {-1, end - 1, Long.MAX_VALUE}) {
        ErrnoException e = assertThrows(ErrnoException.class, () -> store.write(at, none));
        assertEquals(Errno.EINVAL, e.errno());
        e = assertThrows(ErrnoException.class, () -> store.read(at, none));
        assertEquals(Errno.EINVAL, e.errno());
      }
      ErrnoException e = assertThrows(ErrnoException.class, () -> store.grow(MIB));
      assertEquals(Errno.EINVAL, e.errno());
    }
  }

  @Test
  void releaseGivesSpaceBackAndKeepsTheRest() throws IOException {
    Path file = directory.resolve("diff");
    try (DiffStore store = open(FILE, file)) {
      store.grow(MIB);
      store.write(0, random(MIB, 1));
      long before = Programs.allocatedBytes(file);
      store.release(MIB / 4, MIB / 2);
      store.release(0, 0);
      store.release(-1, 1);
      assertEquals(before - MIB / 2, Programs.allocatedBytes(file));
      assertEquals(MIB, store.capacityBytes());
      assertEquals(random(MIB, 1).limit(MIB / 4), read(store, 0, MIB / 4));
      store.write(MIB / 2, random(4096, 2));
      assertEquals(random(4096, 2), read(store, MIB / 2, 4096));
    }
  }

  @Test
  void unnamedFileLeavesNothingBehind() throws IOException {
    try (SmallFileSystem small = SmallFileSystem.tmpfs(directory, 2 * MIB)) {
      long before = small.path().toFile().getUsableSpace();
      try (DiffStore store = open(DIRECTORY, small.path())) {
        store.grow(MIB);
        assertEquals(before - MIB, small.path().toFile().getUsableSpace(), "reserved");
        assertEquals("unnamed file in " + small.path().toRealPath(), store.description());
        assertArrayEquals(new String[0], small.path().toFile().list());
      }
      assertEquals(before, small.path().toFile().getUsableSpace());
    }
  }

  @Test
  void withoutUnnamedFilesOneIsMadeAndUnlinkedAtOnce() throws IOException {
    Path empty = Files.createDirectory(directory.resolve("empty"));
    try (ControlDescriptor control = FileDiffStoreProvider.createAndUnlink(empty, "store")) {
      assertArrayEquals(new String[0], empty.toFile().list());
      assertEquals(
          "rw-------",
          PosixFilePermissions.toString(Files.getPosixFilePermissions(control.path())));
      assertTrue(control.reserve(0, 4096));
    }
  }

  @Test
  void fullFileSystemLeavesTheCapacityAndGrowingCanBeTriedAgain() throws IOException {
    try (SmallFileSystem small = SmallFileSystem.tmpfs(directory, 2 * MIB)) {
      Path ballast = Files.write(small.path().resolve("ballast"), new byte[MIB]);
      try (DiffStore store = open(FILE, small.path().resolve("diff"))) {
        store.grow(MIB / 2);
        store.write(0, random(MIB / 2, 1));
        long room = small.path().toFile().getUsableSpace();
        ErrnoException e = assertThrows(ErrnoException.class, () -> store.grow(2 * MIB));
        assertEquals(Errno.ENOSPC, e.errno());
        assertTrue(e.text().contains("1572864 more are needed"), e.getMessage());
        assertEquals(MIB / 2, store.capacityBytes());
        assertEquals(room, small.path().toFile().getUsableSpace());
        Files.delete(ballast);
        store.grow(MIB);
        assertEquals(random(MIB / 2, 1), read(store, 0, MIB / 2));
      }
    }
  }

  @Test
  void growthThatTheKernelCouldOnlyDoInPartIsGivenBack() throws IOException {
    Path image = Files.createFile(directory.resolve("image"));
    Programs.succeed("truncate", "-s", "8M", image.toString());
    try (LoopDevice loop = LoopDevice.over(image);
        SmallFileSystem small = SmallFileSystem.ext4(directory, loop);
        DiffStore store = open(FILE, small.path().resolve("diff"))) {
      store.grow(8192);
      store.write(0, random(8192, 1));
      // Room in single blocks: it is enough for the data, but not for the map of so many pieces.
      Path ballast = small.path().resolve("ballast");
      int blockBytes = (int) Files.getFileStore(small.path()).getBlockSize();
      int ballastBytes = (int) small.path().toFile().getUsableSpace() - MIB / 4;
      Files.write(ballast, new byte[ballastBytes]);
      try (ControlDescriptor control = ControlDescriptor.open(ballast, true, false)) {
        for (long at = 0; at < ballastBytes; at += 2L * blockBytes) {
          control.punchHole(at, blockBytes);
        }
      }
      Programs.succeed("sync", "-f", small.path().toString());
      long room = small.path().toFile().getUsableSpace();
      assertTrue(room > MIB, room + " bytes");
      ErrnoException e = assertThrows(ErrnoException.class, () -> store.grow(8192 + room));
      assertEquals(Errno.ENOSPC, e.errno());
      assertFalse(e.text().contains("more are needed"), "the kernel's word: " + e.getMessage());
      assertEquals(8192, store.capacityBytes());
      long lost = room - small.path().toFile().getUsableSpace();
      // Blocks of the file's map may stay.
      assertTrue(lost <= 16384, lost + " bytes were not given back");
      assertEquals(random(8192, 1), read(store, 0, 8192));
      store.grow(65536);
    }
  }

  @Test
  void holesThatTheKernelCouldOnlyFillInPartAreHolesAgain() throws IOException {
    Path image = Files.createFile(directory.resolve("image"));
    Programs.succeed("truncate", "-s", "8M", image.toString());
    try (LoopDevice loop = LoopDevice.over(image);
        SmallFileSystem small = SmallFileSystem.ext4(directory, loop)) {
      Path sparse = Files.createFile(small.path().resolve("sparse"));
      Programs.succeed("truncate", "-s", "32M", sparse.toString());
      long before = Programs.allocatedBytes(sparse);
      ErrnoException e = assertThrows(ErrnoException.class, () -> open(FILE, sparse));
      assertEquals(Errno.ENOSPC, e.errno());
      assertTrue(e.text().contains("make it shorter"), e.getMessage());
      // A map block of the file's may stay; what it mapped is free again.
      assertTrue(Programs.allocatedBytes(sparse) - before <= 4096, "nothing stays reserved");
      assertEquals(32 * MIB, Files.size(sparse));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {FILE, DIRECTORY})
  void withoutFallocateTheFileIsLengthenedAndSaysSo(String kind) throws IOException {
    try (SmallFileSystem simple = SmallFileSystem.ramfs(directory)) {
      Path path = kind.equals(FILE) ? simple.path().resolve("diff") : simple.path();
      try (DiffStore store = open(kind, path)) {
        store.grow(MIB);
        assertEquals(MIB, store.capacityBytes());
        assertTrue(store.description().contains("not reserved"), store.description());
        store.write(MIB - 4096, random(4096, 1));
        store.release(0, 4096);
        assertEquals(random(4096, 1), read(store, MIB - 4096, 4096));
        assertEquals(ByteBuffer.allocate(4096), read(store, 0, 4096));
      }
    }
  }

  @Test
  void oneFileNeverServesTwoStoresByWhateverName() throws IOException {
    Path file = directory.resolve("diff");
    Path link = Files.createSymbolicLink(directory.resolve("link"), file);
    refused(Errno.ENOENT, FILE, link);
    try (DiffStore store = open(FILE, file)) {
      for (Path name : List.of(file, link)) {
        ErrnoException e = refused(Errno.EBUSY, FILE, name);
        assertTrue(e.text().contains("has it locked"), e.getMessage());
      }
      store.grow(4096);
    }
    try (DiffStore store = open(FILE, link)) {
      assertEquals("file " + file.toRealPath(), store.description());
      assertEquals(4096, store.capacityBytes());
    }
  }

  @Test
  void whatCanBeNoStoreIsRefusedWithTheWayOut() throws IOException {
    Path file = Files.createFile(directory.resolve("f"));
    assertTrue(refused(Errno.EISDIR, FILE, directory).text().contains("dir:PATH"));
    assertTrue(refused(Errno.ENOTDIR, DIRECTORY, file).text().contains("file:PATH"));
    refused(Errno.ENOENT, DIRECTORY, directory.resolve("none"));
    Path deep = directory.resolve("none/diff");
    assertTrue(refused(Errno.ENOENT, FILE, deep).text().contains("make its directory first"));
    Path pipe = directory.resolve("pipe");
    Programs.succeed("mkfifo", pipe.toString());
    assertTrue(refused(Errno.EINVAL, FILE, pipe).text().contains("a named pipe"));
    for (String bad : new String[] {"", "a\0b"}) {
      ErrnoException e = assertThrows(ErrnoException.class, () -> provider.open(FILE, bad));
      assertEquals(Errno.EINVAL, e.errno());
    }
    assertEquals(2, directory.toFile().list().length, "nothing was made");
  }

  @Test
  void readOnlyFileSystemIsRefused() throws IOException {
    try (SmallFileSystem small = SmallFileSystem.tmpfs(directory, MIB)) {
      small.protect();
      refused(Errno.EROFS, DIRECTORY, small.path());
      refused(Errno.EROFS, FILE, small.path().resolve("new"));
    }
  }

  @Test
  void identitiesLeadDownToTheDeviceOfTheFileSystem() throws IOException {
    Path image = Files.createFile(directory.resolve("image"));
    Programs.succeed("truncate", "-s", "8M", image.toString());
    try (LoopDevice loop = LoopDevice.over(image);
        SmallFileSystem small = SmallFileSystem.ext4(directory, loop)) {
      long device = (long) Files.getAttribute(loop.path(), "unix:rdev");
      StorageIdentity onDevice = new StorageIdentity(true, 0, device);
      StorageIdentity onImage =
          new StorageIdentity(
              false,
              (long) Files.getAttribute(image, "unix:dev"),
              (long) Files.getAttribute(image, "unix:ino"));
      for (String kind : provider.kinds()) {
        Path path = kind.equals(FILE) ? small.path().resolve("diff") : small.path();
        try (DiffStore store = open(kind, path)) {
          assertTrue(store.identities().contains(onDevice), store.identities().toString());
          assertTrue(store.identities().contains(onImage), store.identities().toString());
        }
      }
      Path file = small.path().resolve("diff");
      try (DiffStore store = open(FILE, file)) {
        long inode = (long) Files.getAttribute(file, "unix:ino");
        assertEquals(new StorageIdentity(false, device, inode), store.identities().get(0));
      }
    }
  }

  @Test
  void threadsWriteAndReadWhileItGrows() throws Exception {
    int threadCount = 3;
    int roundCount = 20;
    int pieceBytes = 64 << 10;
    var threads = Executors.newFixedThreadPool(threadCount);
    try (DiffStore store = open(DIRECTORY, directory)) {
      store.grow((long) threadCount * pieceBytes);
      List<Future<Boolean>> results = new ArrayList<>();
      for (int t = 0; t < threadCount; t++) {
        long at = (long) t * pieceBytes;
        int seed = t;
        results.add(
            threads.submit(
                () -> {
                  for (int n = 0; n < roundCount; n++) {
                    Thread.currentThread().interrupt();
                    store.write(at, random(pieceBytes, seed + n));
                    assertEquals(
                        random(pieceBytes, seed + n),
                        read(store, at, pieceBytes),
                        "thread " + seed + ", round " + n);
                  }
                  return Thread.interrupted();
                }));
      }
      for (int n = 1; n <= roundCount; n++) {
        store.grow(store.capacityBytes() + pieceBytes);
      }
      for (Future<Boolean> result : results) {
        assertTrue(result.get(60, TimeUnit.SECONDS), "the interrupt is still known");
      }
    } finally {
      threads.shutdownNow();
    }
  }
}
