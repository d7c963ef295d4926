package io.sluice.blksnap.osgi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.blksnap.session.FileSystems;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.linux.Freezable;
import io.sluice.linux.MountPoint;
import io.sluice.linux.testing.LoopDevice;
import io.sluice.linux.testing.Programs;
import io.sluice.linux.testing.SmallFileSystem;
import io.sluice.snapshot.FreezeInfo;
import io.sluice.snapshot.TakeRequest;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class FileSystemFreezerTest {
  private static final Duration LONG = Duration.ofSeconds(50);
  private static final Duration SHORT = Duration.ofMillis(20);

  private final Queue<String> calls = new ConcurrentLinkedQueue<>();
  private List<List<Path>> mounted = List.of();
  private final CountDownLatch freezing = new CountDownLatch(1);
  private final CountDownLatch storageAnswers = new CountDownLatch(1);
  private final CountDownLatch thawed = new CountDownLatch(1);

  /** Its path says how it behaves. */
  private final class Fake implements Freezable {
    private final String path;

    Fake(String path) throws ErrnoException {
      if (path.contains("nothing")) {
        throw new ErrnoException(Errno.ENOENT, path + ": nothing there");
      }
      this.path = path;
    }

    @Override
    public void freeze() throws ErrnoException {
      freezing.countDown();
      if (path.contains("hangs")) {
        awaitOrFail(storageAnswers);
      }
      if (path.contains("refuses")) {
        throw new ErrnoException(Errno.ENOTSUP, "freeze of " + path + ": not supported");
      }
      calls.add("freeze " + path);
    }

    @Override
    public void thaw() {
      calls.add("thaw " + path);
      thawed.countDown();
    }

    @Override
    public void sync() {
      calls.add("sync " + path);
    }

    @Override
    public void close() {
      calls.add("close " + path);
    }
  }

  private static void awaitOrFail(CountDownLatch latch) {
    try {
      assertTrue(latch.await(50, TimeUnit.SECONDS), "did not come");
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private FileSystemFreezer freezer(Duration freezeLimit, Duration frozenLimit) {
    return new FileSystemFreezer(Fake::new, devices -> mounted, freezeLimit, frozenLimit);
  }

  @Test
  void frozenUntilThawed() throws Exception {
    FileSystems.Freeze freeze = freezer(LONG, LONG).freeze(List.of("/a"), List.of());
    assertEquals(List.of("freeze /a"), List.copyOf(calls));
    FreezeInfo info = freeze.thaw().get(0);
    assertEquals(List.of("freeze /a", "thaw /a", "close /a"), List.copyOf(calls));
    assertEquals("", info.warning());
    assertTrue(info.frozenNanos() > 0, info.toString());
  }

  @Test
  void whatIsFoundIsFrozenOnce() throws Exception {
    mounted =
        List.of(
            List.of(Path.of("/a"), Path.of("/also a")), List.of(Path.of("/b"), Path.of("/named")));
    List<FreezeInfo> infos = freezer(LONG, LONG).freeze(List.of("/named"), List.of("disk")).thaw();
    assertEquals(List.of("/named", "/a"), infos.stream().map(FreezeInfo::mountPoint).toList());
    assertEquals(List.of("", ""), infos.stream().map(FreezeInfo::warning).toList());
    assertEquals(1, Collections.frequency(calls, "freeze /a"));
    assertEquals(0, Collections.frequency(calls, "freeze /b"));
    calls.clear();
    assertEquals(List.of(), freezer(LONG, LONG).freeze(List.of(), List.of()).thaw());
    assertEquals(List.of(), List.copyOf(calls));
  }

  /** Nobody asked for this very file system: it may have been unmounted since it was found. */
  @Test
  void whatIsFoundAndRefusedIsTold() throws Exception {
    mounted = List.of(List.of(Path.of("/nothing")), List.of(Path.of("/a")));
    List<FreezeInfo> infos = freezer(LONG, LONG).freeze(List.of(), List.of("disk")).thaw();
    assertTrue(infos.get(0).warning().contains("not frozen: ENOENT"), infos.toString());
    assertEquals("", infos.get(1).warning());
  }

  @Test
  void whatIsFoundBeyondTheLimitIsTold() throws Exception {
    mounted = new ArrayList<>();
    for (int i = 0; i <= TakeRequest.FREEZE_COUNT_MAX; i++) {
      mounted.add(List.of(Path.of("/" + i)));
    }
    List<FreezeInfo> infos = freezer(LONG, LONG).freeze(List.of(), List.of("disk")).thaw();
    assertEquals(TakeRequest.FREEZE_COUNT_MAX + 1, infos.size());
    assertEquals("", infos.get(TakeRequest.FREEZE_COUNT_MAX - 1).warning());
    assertTrue(infos.get(TakeRequest.FREEZE_COUNT_MAX).warning().contains("the limit of 64"));
  }

  @Test
  void whatCannotBeFrozenIsWrittenOutAndTheOthersAreFrozen() throws Exception {
    List<FreezeInfo> infos =
        freezer(LONG, LONG).freeze(List.of("/a", "/refuses"), List.of()).thaw();
    assertEquals("", infos.get(0).warning());
    assertTrue(infos.get(1).warning().contains("only written out: ENOTSUP"), infos.toString());
    assertEquals(0, infos.get(1).frozenNanos());
    assertEquals(1, Collections.frequency(calls, "thaw /a"));
    assertEquals(1, Collections.frequency(calls, "sync /refuses"));
    assertEquals(0, Collections.frequency(calls, "thaw /refuses"));
  }

  @Test
  void aFreezeThatHangsIsGivenUpAndThawedWhenItIsDone() throws Exception {
    FileSystems.Freeze freeze = freezer(SHORT, LONG).freeze(List.of("/hangs"), List.of());
    awaitOrFail(freezing);
    FreezeInfo info = freeze.thaw().get(0);
    assertTrue(info.warning().contains("not frozen in time"), info.toString());
    assertEquals(0, Collections.frequency(calls, "freeze /hangs"));
    storageAnswers.countDown();
    awaitOrFail(thawed);
    assertEquals(List.of("freeze /hangs", "thaw /hangs"), List.copyOf(calls).subList(0, 2));
  }

  @Test
  void nothingStaysFrozenWhenAPathIsRefused() {
    ErrnoException e =
        assertThrows(
            ErrnoException.class,
            () -> freezer(LONG, LONG).freeze(List.of("/a", "/nothing"), List.of()));
    assertEquals(Errno.ENOENT, e.errno());
    assertEquals(
        Collections.frequency(calls, "freeze /a"), Collections.frequency(calls, "thaw /a"));
    assertEquals(1, Collections.frequency(calls, "close /a"));
  }

  @Test
  void aTakeThatNeverEndsLeavesNothingFrozen() throws Exception {
    FileSystems.Freeze freeze = freezer(LONG, SHORT).freeze(List.of("/a"), List.of());
    awaitOrFail(thawed);
    FreezeInfo info = freeze.thaw().get(0);
    assertTrue(info.warning().contains("before the cut was done"), info.toString());
  }

  @Test
  void hungFreezesAreLimited() throws Exception {
    FileSystemFreezer freezer = freezer(SHORT, LONG);
    List<String> many =
        Collections.nCopies(TakeRequest.FREEZE_COUNT_MAX + 1, "/a").stream().toList();
    assertEquals(
        Errno.EINVAL,
        assertThrows(ErrnoException.class, () -> freezer.freeze(many, List.of())).errno());
    assertEquals(
        Errno.EINVAL,
        assertThrows(ErrnoException.class, () -> freezer.freeze(List.of("relative"), List.of()))
            .errno());
    for (int i = 0; i < TakeRequest.FREEZE_COUNT_MAX; i++) {
      assertEquals(1, freezer.freeze(List.of("/hangs" + i), List.of()).thaw().size());
    }
    assertEquals(
        Errno.EINVAL,
        assertThrows(ErrnoException.class, () -> freezer.freeze(List.of("/a"), List.of())).errno());
    storageAnswers.countDown();
    boolean again = false;
    while (!again) {
      try {
        List<FreezeInfo> unused = freezer.freeze(List.of("/a"), List.of()).thaw();
        again = true;
      } catch (ErrnoException e) {
        Thread.onSpinWait();
      }
    }
  }

  @Test
  void aRealFileSystemHoldsWritesUntilItIsThawed(@TempDir Path directory) throws Exception {
    Path file = directory.resolve("ext4");
    try (RandomAccessFile disk = new RandomAccessFile(file.toFile(), "rw")) {
      disk.setLength(16 << 20);
    }
    FileSystemFreezer real =
        new FileSystemFreezer(
            path -> MountPoint.open(Path.of(path)), devices -> List.of(), LONG, LONG);
    try (LoopDevice loop = LoopDevice.over(file);
        SmallFileSystem mounted = SmallFileSystem.ext4(directory, loop)) {
      String at = mounted.path().toString();
      FileSystems.Freeze freeze = real.freeze(List.of(at), List.of());
      CountDownLatch wrote = new CountDownLatch(1);
      Thread writer = new Thread(() -> write(mounted.path().resolve("new"), wrote));
      writer.start();
      // Whoever froze it, a second freeze is refused as long as it is frozen.
      assertTrue(Programs.run("fsfreeze", "-f", at).exit() != 0, "frozen twice");
      assertEquals(1, wrote.getCount(), "written while frozen");
      FreezeInfo info = freeze.thaw().get(0);
      assertEquals("", info.warning());
      awaitOrFail(wrote);
      writer.join();
      assertEquals(
          Errno.EINVAL,
          assertThrows(
                  ErrnoException.class, () -> real.freeze(List.of(at + "/lost+found"), List.of()))
              .errno());
      Path own = Files.createFile(mounted.path().resolve("own"));
      try (RandomAccessFile open = new RandomAccessFile(own.toFile(), "rw")) {
        ErrnoException e =
            assertThrows(
                ErrnoException.class, () -> real.freeze(List.of(at), List.of()), open::toString);
        assertEquals(Errno.EBUSY, e.errno());
        assertTrue(e.getMessage().contains(own.toString()), e.getMessage());
      }
    }
  }

  private static void write(Path file, CountDownLatch wrote) {
    try {
      Files.write(file, new byte[4096]);
      wrote.countDown();
    } catch (java.io.IOException e) {
      throw new AssertionError(e);
    }
  }
}
