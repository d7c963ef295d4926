package io.sluice.launch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunDirectoryTest {
  @TempDir Path scratch;

  private static String refusal(Path path) {
    return assertThrows(LaunchException.class, () -> RunDirectory.hold(path)).getMessage();
  }

  private static String mode(Path path) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
  }

  @Test
  void isMadeForItsOwnerAlone() throws IOException, LaunchException {
    Path path = scratch.resolve("a/run");
    try (RunDirectory held = RunDirectory.hold(path)) {
      assertEquals("rwx------", mode(held.path()));
      assertEquals("rw-------", mode(path.resolve("sluiced.pid")));
      assertEquals(
          ProcessHandle.current().pid() + "\n", Files.readString(path.resolve("sluiced.pid")));
    }
    assertEquals("", Files.readString(path.resolve("sluiced.pid")), "no process id after the stop");
  }

  @Test
  void isHeldOnce() throws IOException, LaunchException {
    Path path = scratch.resolve("run");
    try (RunDirectory held = RunDirectory.hold(path)) {
      String message = refusal(held.path());
      assertTrue(message.startsWith("EBUSY: run directory " + path), message);
      assertTrue(message.contains("pid " + ProcessHandle.current().pid()), message);
    }
    RunDirectory.hold(path).close();
  }

  @Test
  void isClearedOfADeadAgentsSockets() throws IOException, LaunchException {
    Path path = Files.createDirectory(scratch.resolve("run"));
    Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rwx------"));
    Files.writeString(path.resolve("sluiced.pid"), "999999999\n");
    Files.createFile(path.resolve("control.sock"));
    Files.createFile(path.resolve("nbd.sock"));
    Files.createFile(path.resolve("other"));
    try (RunDirectory held = RunDirectory.hold(path)) {
      assertFalse(Files.exists(held.path().resolve("control.sock")), "control socket");
      assertFalse(Files.exists(held.path().resolve("nbd.sock")), "NBD socket");
      assertTrue(Files.exists(held.path().resolve("other")), "other files stay");
    }
  }

  @Test
  void socketsOfALivingAgentStay() throws IOException, LaunchException {
    Path path = scratch.resolve("run");
    try (RunDirectory held = RunDirectory.hold(path)) {
      Path socket = Files.createFile(held.path().resolve("control.sock"));
      refusal(path);
      assertTrue(Files.exists(socket), "control socket");
    }
  }

  @Test
  void mayNotBeWritableByOthers() throws IOException {
    Path path = Files.createDirectory(scratch.resolve("run"));
    Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rwxrwxrwx"));
    String message = refusal(path);
    assertTrue(message.startsWith("EPERM: run directory " + path), message);
    assertEquals("rwxrwxrwx", mode(path), "left as it was");
  }

  @Test
  void mustBeADirectory() throws IOException {
    Path path = Files.createFile(scratch.resolve("file"));
    assertTrue(refusal(path).startsWith("ENOTDIR: run directory " + path), refusal(path));
  }

  @Test
  void mustLeaveRoomForASocketsName() throws IOException, LaunchException {
    int most = RunDirectory.SOCKET_PATH_MAX_BYTES - "/control.sock".length();
    String fill = "x".repeat(most - scratch.toString().length() - 1);
    RunDirectory.hold(scratch.resolve(fill)).close();
    String message = refusal(scratch.resolve(fill + "x"));
    assertTrue(message.startsWith("ENAMETOOLONG: run directory "), message);
    assertTrue(message.contains((most + 1) + " bytes"), message);
    assertTrue(message.contains("room for " + most), message);
  }

  @Test
  void logsAreKeptOnceOver() throws IOException, LaunchException {
    try (RunDirectory held = RunDirectory.hold(scratch.resolve("run"))) {
      for (String text : new String[] {"first", "second", "third"}) {
        held.adoptLog(Files.writeString(held.path().resolve("log.tmp"), text));
      }
      assertEquals("third", Files.readString(held.path().resolve("sluiced.log")));
      assertEquals("second", Files.readString(held.path().resolve("sluiced.log.old")));
      assertFalse(Files.exists(held.path().resolve("log.tmp")), "temporary name");
    }
  }
}
