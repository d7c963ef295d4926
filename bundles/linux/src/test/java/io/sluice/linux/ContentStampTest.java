package io.sluice.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ContentStampTest {
  @TempDir Path directory;

  private Path file() throws Exception {
    return Files.write(directory.resolve("disk.img"), new byte[1 << 20]);
  }

  private static void write(Path file, long offsetBytes) throws Exception {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(new byte[] {1}), offsetBytes);
    }
  }

  @Test
  void staysWhileNobodyWrites() throws Exception {
    Path file = file();
    String stamp = ContentStamp.ofFile(file).orElseThrow();
    Files.readAllBytes(file);
    assertEquals(stamp, ContentStamp.ofFile(file).orElseThrow());
  }

  /** The kernel's clock for files ticks slowly: without the wait some of these would be missed. */
  @Test
  void showsAWriteRightAfterIt() throws Exception {
    Path file = file();
    for (int i = 0; i < 50; i++) {
      write(file, i);
      String stamp = ContentStamp.ofFile(file).orElseThrow();
      write(file, 100 + i);
      assertNotEquals(stamp, ContentStamp.ofFile(file).orElseThrow(), "round " + i);
    }
  }

  @Test
  void aTimeThatIsPutBackShows() throws Exception {
    Path file = file();
    FileTime before = Files.getLastModifiedTime(file);
    String stamp = ContentStamp.ofFile(file).orElseThrow();
    write(file, 7);
    Files.setLastModifiedTime(file, before);
    assertNotEquals(stamp, ContentStamp.ofFile(file).orElseThrow());
  }

  @Test
  void anotherFileUnderTheNameShows() throws Exception {
    Path file = file();
    String stamp = ContentStamp.ofFile(file).orElseThrow();
    Path other = Files.copy(file, directory.resolve("copy"));
    Files.move(other, file, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
    assertNotEquals(stamp, ContentStamp.ofFile(file).orElseThrow());
  }

  @Test
  void noFileHasNone() {
    assertTrue(ContentStamp.ofFile(directory.resolve("missing")).isEmpty());
    assertTrue(ContentStamp.ofBlockDevice(0).isEmpty());
  }
}
