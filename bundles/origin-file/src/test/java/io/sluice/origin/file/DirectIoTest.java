package io.sluice.origin.file;

import static io.sluice.origin.file.OriginFixture.bytes;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.block.Bio;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DirectIoTest {
  private static final int SIZE_BYTES = 4 * BounceBuffers.BUFFER_SIZE_BYTES;

  @TempDir Path directory;
  private Path file;
  private byte[] content;

  @BeforeEach
  void makeFile() throws IOException {
    content = bytes(SIZE_BYTES, 1);
    file = Files.write(directory.resolve("disk"), content);
  }

  private OriginFixture open() throws IOException {
    try {
      return new OriginFixture(file, OriginFixture.DIRECT);
    } catch (ErrnoException e) {
      assumeTrue(!e.text().contains("has no direct I/O"), e.getMessage());
      throw e;
    }
  }

  @Test
  void hasTheFileSystemsBlockSizeAndMayBlock() throws IOException {
    try (OriginFixture f = open()) {
      assertEquals(Files.getFileStore(file).getBlockSize(), f.origin.geometry().blockSizeBytes());
      assertTrue(f.origin.mayBlock());
      ErrnoException e = f.refused(new Bio().read(0, ByteBuffer.allocateDirect(512)));
      assertEquals(Errno.EINVAL, e.errno());
    }
  }

  @Test
  void buffersAtAnyAddressReadAndWriteTheSame() throws IOException {
    try (OriginFixture f = open()) {
      int block = f.origin.geometry().blockSizeBytes();
      // More than one bounce buffer, and not a multiple of one.
      int length = 2 * BounceBuffers.BUFFER_SIZE_BYTES + block;
      ByteBuffer[] buffers = {
        ByteBuffer.allocateDirect(length + block).alignedSlice(block),
        ByteBuffer.allocateDirect(length + 2 * block).alignedSlice(block).position(1).slice(),
        ByteBuffer.allocate(length + 3),
      };
      for (int i = 0; i < buffers.length; i++) {
        byte[] data = bytes(length, 10 + i);
        ByteBuffer buffer = buffers[i].clear().limit(length);
        f.write(block, buffer.put(data).flip(), 0);
        assertEquals(length, buffer.position());
        assertEquals(length, buffer.limit());
        System.arraycopy(data, 0, content, block, length);
        assertArrayEquals(content, Files.readAllBytes(file), "buffer " + i);
        buffer.clear().limit(length);
        f.origin.submit(new Bio().read(block, buffer));
        assertEquals(length, buffer.position());
        byte[] back = new byte[length];
        buffer.flip().get(back);
        assertArrayEquals(data, back, "buffer " + i);
      }
    }
  }

  @Test
  void zeroesAndDiscardsWork() throws IOException {
    try (OriginFixture f = open()) {
      int block = f.origin.geometry().blockSizeBytes();
      f.origin.submit(new Bio().writeZeroes(block, 2L * block, 0));
      Arrays.fill(content, block, 3 * block, (byte) 0);
      f.origin.submit(new Bio().writeZeroes(4L * block, block, Bio.NO_UNMAP));
      Arrays.fill(content, 4 * block, 5 * block, (byte) 0);
      assertArrayEquals(content, f.read(0, SIZE_BYTES));
    }
  }
}
