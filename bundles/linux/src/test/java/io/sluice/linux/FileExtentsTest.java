package io.sluice.linux;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.linux.testing.LoopDevice;
import io.sluice.linux.testing.Programs;
import io.sluice.linux.testing.SmallFileSystem;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileExtentsTest {
  private static final int PIECE_BYTES = 8192;

  @TempDir Path directory;

  private static List<FileExtents.Extent> extents(Path file) throws IOException {
    try (ControlDescriptor open = ControlDescriptor.open(file, false, false)) {
      return FileExtents.of(open, file.toString());
    }
  }

  /** More pieces than one call has room for, with holes between them and one at the end. */
  @Test
  void extentsAreWhereTheFilesBytesAreOnTheDevice() throws IOException {
    Path image = directory.resolve("image");
    Programs.succeed("truncate", "-s", "64M", image.toString());
    int pieceCount = 700;
    byte[] written = new byte[pieceCount * 2 * PIECE_BYTES + (1 << 20)];
    List<FileExtents.Extent> extents;
    try (LoopDevice loop = LoopDevice.over(image);
        SmallFileSystem mounted = SmallFileSystem.ext4(directory, loop)) {
      Path file = mounted.path().resolve("file");
      byte[] piece = new byte[PIECE_BYTES];
      Random random = new Random(7);
      try (RandomAccessFile out = new RandomAccessFile(file.toFile(), "rw")) {
        for (int i = 0; i < pieceCount; i++) {
          random.nextBytes(piece);
          System.arraycopy(piece, 0, written, i * 2 * PIECE_BYTES, PIECE_BYTES);
          out.seek((long) i * 2 * PIECE_BYTES);
          out.write(piece);
        }
        out.setLength(written.length);
      }
      extents = extents(file);
      assertEquals(List.of(), extents(Files.createFile(mounted.path().resolve("empty"))));
    }
    assertTrue(extents.size() >= pieceCount, "seed 7: " + extents.size() + " extents");
    byte[] found = new byte[written.length];
    try (RandomAccessFile in = new RandomAccessFile(image.toFile(), "r")) {
      for (FileExtents.Extent extent : extents) {
        in.seek(extent.deviceOffsetBytes());
        int length = (int) Math.min(extent.lengthBytes(), found.length - extent.fileOffsetBytes());
        in.readFully(found, (int) extent.fileOffsetBytes(), length);
      }
    }
    assertArrayEquals(written, found, "seed 7");
  }

  @Test
  void fileSystemThatCannotTellIsSaid() throws IOException {
    try (SmallFileSystem mounted = SmallFileSystem.ramfs(directory)) {
      Path file = Files.writeString(mounted.path().resolve("file"), "data");
      ErrnoException e = assertThrows(ErrnoException.class, () -> extents(file));
      assertEquals(Errno.ENOTSUP, e.errno());
      assertTrue(e.text().contains(file.toString()), e.text());
    }
  }
}
