package io.sluice.origin.file;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.OriginOptions;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Files that go from under their origin. */
@Timeout(60)
final class LostOriginTest {
  private static final int SIZE_BYTES = 64 << 10;

  @TempDir Path directory;
  private Path file;
  private byte[] content;

  @BeforeEach
  void makeFile() throws IOException {
    file = directory.resolve("disk.img");
    content = OriginFixture.bytes(SIZE_BYTES, 1);
    Files.write(file, content);
  }

  private OriginFixture open() throws ErrnoException {
    return new OriginFixture(file, OriginOptions.DEFAULT);
  }

  private void setLength(long lengthBytes) throws IOException {
    try (RandomAccessFile other = new RandomAccessFile(file.toFile(), "rw")) {
      other.setLength(lengthBytes);
    }
  }

  private static void assertRefused(OriginFixture f, Bio bio, String why) {
    ErrnoException e = f.refused(bio);
    assertEquals(Errno.ENODEV, e.errno(), e.getMessage());
    assertTrue(e.getMessage().contains(why), e.getMessage());
  }

  @Test
  void aFileThatIsThereIsNotLost() throws IOException {
    try (OriginFixture f = open()) {
      assertEquals(Optional.empty(), f.origin.lost());
      setLength(2 * SIZE_BYTES);
      assertEquals(Optional.empty(), f.origin.lost(), "longer is not lost");
      Files.move(file, directory.resolve("other.img"));
      assertEquals(Optional.empty(), f.origin.lost(), "renamed is not deleted");
      f.origin.close();
      assertEquals(Optional.empty(), f.origin.lost(), "closed is not lost");
    }
  }

  @Test
  void aDeletedFileCanBeRead() throws IOException {
    try (OriginFixture f = open()) {
      Files.delete(file);
      assertTrue(f.origin.lost().orElseThrow().contains("deleted"));
      assertArrayEquals(content, f.read(0, SIZE_BYTES));
      f.origin.status(0, SIZE_BYTES, (length, state) -> true);
      assertRefused(f, new Bio().write(0, ByteBuffer.allocateDirect(512), 0), "deleted");
      assertRefused(f, new Bio().flush(), "deleted");
      assertRefused(f, new Bio().discard(0, 512, 0), "deleted");
      assertRefused(f, new Bio().writeZeroes(0, 512, 0), "deleted");
      Files.write(file, content);
      assertTrue(f.origin.lost().isPresent(), "another file of the name does not bring it back");
    }
  }

  @Test
  void aFileThatNeverHadANameHasNoneToLose() throws IOException {
    try (RandomAccessFile held = new RandomAccessFile(file.toFile(), "rw")) {
      Files.delete(file);
      Path nameless = null;
      try (var numbers = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
        for (Path number : numbers) {
          if (Files.isSymbolicLink(number)
              && Files.readSymbolicLink(number).toString().startsWith(file.toString())) {
            nameless = number;
          }
        }
      }
      assertEquals(SIZE_BYTES, held.length());
      try (OriginFixture f = new OriginFixture(nameless, OriginOptions.DEFAULT)) {
        assertEquals(Optional.empty(), f.origin.lost());
        f.write(0, ByteBuffer.allocateDirect(512), 0);
      }
    }
  }

  @Test
  void aFileThatWasCutShortStaysLost() throws IOException {
    try (OriginFixture f = open()) {
      setLength(4096);
      assertTrue(f.origin.lost().orElseThrow().contains("cut short, from 65536 to 4096 bytes"));
      assertRefused(f, new Bio().read(0, ByteBuffer.allocateDirect(512)), "cut short");
      setLength(SIZE_BYTES);
      f.letSizeAge();
      assertTrue(f.origin.lost().isPresent(), "its bytes are not what they were");
      assertRefused(f, new Bio().read(0, ByteBuffer.allocateDirect(512)), "cut short");
      assertRefused(f, new Bio().write(0, ByteBuffer.allocateDirect(512), 0), "cut short");
    }
    try (OriginFixture again = open()) {
      assertEquals(Optional.empty(), again.origin.lost(), "opened again, it is what it is");
      assertArrayEquals(new byte[512], again.read(8192, 512));
    }
  }

  @Test
  void aCutThatOnlyIoNoticedIsKnownToo() throws IOException {
    try (OriginFixture f = open()) {
      setLength(0);
      f.letSizeAge();
      assertEquals(0, f.origin.geometry().sizeBytes());
      setLength(SIZE_BYTES);
      f.letSizeAge();
      assertEquals(SIZE_BYTES, f.origin.geometry().sizeBytes());
      assertTrue(f.origin.lost().orElseThrow().contains("to 0 bytes"));
    }
  }
}
