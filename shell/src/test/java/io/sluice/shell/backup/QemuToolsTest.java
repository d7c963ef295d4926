package io.sluice.shell.backup;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** With a shell in the tools' place. */
class QemuToolsTest {
  @TempDir Path dir;

  /** Wanted for a number of looks. */
  private static Work wantedFor(int looks) {
    AtomicInteger left = new AtomicInteger(looks);
    return new Work() {
      @Override
      public boolean goesOn() {
        return left.getAndDecrement() > 0;
      }

      @Override
      public void progress(String text) {}
    };
  }

  private QemuTools tools() {
    return new QemuTools(dir, wantedFor(Integer.MAX_VALUE));
  }

  private static List<String> sh(String script) {
    return List.of("sh", "-c", script);
  }

  @Test
  void bothStreamsAndTheStatusComeBack() throws Exception {
    QemuTools.Result result = tools().run(sh("pwd; echo wrong >&2; exit 3"));
    assertEquals(3, result.status());
    assertTrue(result.output().startsWith(dir.toRealPath().toString()), result.output());
    assertEquals("wrong", result.lastLine());
    ErrnoException e =
        assertThrows(ErrnoException.class, () -> tools().need(sh("echo why; exit 1")));
    assertEquals("EIO: sh: why", e.getMessage());
  }

  @Test
  void whatATalkativeProgramSaysIsBounded() throws Exception {
    QemuTools.Result result = tools().run(sh("head -c 1000000 /dev/zero | tr '\\0' x"));
    assertEquals(0, result.status());
    assertEquals(QemuTools.OUTPUT_MAX_BYTES, result.output().length());
  }

  @Test
  void progressIsReadFromTheOutput() throws Exception {
    List<Long> told = new ArrayList<>();
    tools().run(sh("printf '    (0.00/100%%)\\r    (41.70/100%%)\\r(100.00/100%%)\\n'"), told::add);
    assertEquals(List.of(0L, 41L, 100L), told);
  }

  @Test
  void aProgramThatIsNotWantedAnyMoreIsKilled() {
    QemuTools tools = new QemuTools(dir, wantedFor(2));
    ErrnoException e = assertThrows(ErrnoException.class, () -> tools.run(sh("exec sleep 1000")));
    assertEquals(Errno.ECANCELED, e.errno());
  }

  @Test
  void aMissingProgramIsNamedWithWhatToInstall() {
    ErrnoException e =
        assertThrows(ErrnoException.class, () -> tools().run(List.of("qemu-nothing")));
    assertEquals(Errno.ENOENT, e.errno());
    assertTrue(e.text().startsWith("qemu-nothing "), e.text());
    assertTrue(e.text().contains("qemu-utils"), e.text());
  }
}
