package io.sluice.trace.replay;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.EnumSet;

/**
 * A regular file or block special file that a trace is replayed onto. Locked for the time, so that
 * an agent, or qemu, does not serve it meanwhile.
 */
final class FileTarget implements BlockDevice, Closeable {
  private static final int ZEROES_BYTES = 1 << 20;

  private final FileChannel channel;
  private final DeviceGeometry geometry;

  private FileTarget(FileChannel channel, long sizeBytes) {
    this.channel = channel;
    this.geometry =
        new DeviceGeometry(
            sizeBytes,
            1,
            4096,
            false,
            false,
            EnumSet.of(BioOp.READ, BioOp.WRITE, BioOp.FLUSH, BioOp.WRITE_ZEROES));
  }

  /**
   * Opens a target that is there; none is made.
   *
   * @throws ErrnoException ENOENT if it is not there, EBUSY if somebody has locked it
   */
  static FileTarget open(Path path) throws IOException {
    FileChannel channel;
    try {
      channel = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE);
    } catch (NoSuchFileException e) {
      throw new ErrnoException(
          Errno.ENOENT, path + ": no such file; make a copy of the traced device first", e);
    }
    try {
      FileLock lock = channel.tryLock();
      if (lock == null) {
        throw new ErrnoException(
            Errno.EBUSY,
            path + ": in use. Replay onto a copy, or through the agent onto an NBD device");
      }
      return new FileTarget(channel, channel.size());
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  @Override
  public DeviceGeometry geometry() {
    return geometry;
  }

  @Override
  public void submit(Bio bio) throws ErrnoException {
    geometry.check(bio, "the target");
    try {
      switch (bio.op()) {
        case READ -> {
          while (bio.data().hasRemaining()) {
            long at = bio.endBytes() - bio.data().remaining();
            if (channel.read(bio.data(), at) < 0) {
              throw new IOException("the target has become shorter");
            }
          }
        }
        case WRITE -> write(bio.offsetBytes(), bio.data());
        case WRITE_ZEROES -> {
          ByteBuffer zeroes = ByteBuffer.allocate((int) Math.min(ZEROES_BYTES, bio.lengthBytes()));
          for (long at = bio.offsetBytes(); at < bio.endBytes(); at += zeroes.capacity()) {
            zeroes.clear().limit((int) Math.min(zeroes.capacity(), bio.endBytes() - at));
            write(at, zeroes);
          }
        }
        default -> channel.force(false);
      }
    } catch (IOException e) {
      throw new ErrnoException(Errno.EIO, bio + " on the target: " + e, e);
    }
  }

  private void write(long offsetBytes, ByteBuffer data) throws IOException {
    long at = offsetBytes;
    while (data.hasRemaining()) {
      at += channel.write(data, at);
    }
  }

  /** Makes durable what was written. */
  @Override
  public void close() throws IOException {
    try (FileChannel closed = channel) {
      closed.force(true);
    }
  }
}
