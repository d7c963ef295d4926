package io.sluice.blksnap.osgi;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.blksnap.tracking.TrackerState;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StateDirectoryTest {
  private static final byte[] ACTIVE = {1, 2, 0};
  private static final byte[] HELD = {1, 0, 0};
  private static final TrackerState STATE =
      new TrackerState(3 << 16, 16, 2, 1, new UUID(1, 2), new UUID(3, 4), ACTIVE, HELD);

  @TempDir Path temporary;
  private Path directory;
  private StateDirectory states;

  @BeforeEach
  void open() {
    directory = temporary.resolve("state/cbt");
    states = new StateDirectory(directory);
  }

  @Test
  void aStateIsHadOnce() {
    states.save("disk", "stamp", STATE);
    TrackerState claimed = states.claim("disk", "stamp", 3).orElseThrow();
    assertEquals(STATE.heldGeneration(), claimed.heldGeneration());
    assertArrayEquals(ACTIVE, claimed.active());
    assertArrayEquals(HELD, claimed.held());
    assertTrue(states.claim("disk", "stamp", 3).isEmpty());
  }

  @Test
  void aWriteMeanwhileVoidsItForGood() {
    states.save("disk", "stamp", STATE);
    assertTrue(states.claim("disk", "another stamp", 3).isEmpty());
    assertTrue(states.claim("disk", "stamp", 3).isEmpty());
  }

  @Test
  void anotherSizeVoidsIt() {
    states.save("disk", "stamp", STATE);
    assertTrue(states.claim("disk", "stamp", 4).isEmpty());
  }

  @Test
  void aDamagedFileIsNoState() throws IOException {
    states.save("disk", "stamp", STATE);
    Path file = directory.resolve("disk.cbt");
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length - 9] ^= 4;
    Files.write(file, bytes);
    assertTrue(states.claim("disk", "stamp", 3).isEmpty());
    assertFalse(Files.exists(file));
  }

  @Test
  void theLastSaveCounts() {
    states.save("disk", "one", STATE);
    states.save("disk", "two", STATE);
    assertTrue(states.claim("disk", "two", 3).isPresent());
  }

  @Test
  void aFileThatCannotBeTakenOutIsNoState() throws IOException {
    states.save("disk", "stamp", STATE);
    Path file = directory.resolve("disk.cbt");
    byte[] bytes = Files.readAllBytes(file);
    Files.delete(file);
    // Root may delete any file, but nobody a directory that is not empty.
    Files.createDirectory(file);
    Files.write(file.resolve("x"), bytes);
    assertTrue(states.claim("disk", "stamp", 3).isEmpty());
  }

  @Test
  void whatCannotBeKeptIsVoidAndHarmless() throws IOException {
    Files.createDirectories(directory.getParent());
    Files.createFile(directory);
    states.save("disk", "stamp", STATE);
    assertTrue(states.claim("disk", "stamp", 3).isEmpty());
  }

  @Test
  void nobodyElseReadsIt() throws IOException {
    states.save("disk", "stamp", STATE);
    assertEquals("rwx------", mode(directory));
    assertEquals("rw-------", mode(directory.resolve("disk.cbt")));
    try (Stream<Path> files = Files.list(directory)) {
      assertEquals(1, files.count());
    }
  }

  private static String mode(Path path) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
  }
}
