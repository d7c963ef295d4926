package io.sluice.registry;

import io.sluice.block.Bio;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.nio.ByteBuffer;

/** Serves a WRITE_ZEROES for a layer that knows only WRITE. */
final class ZeroWrites {
  /** The most bytes of one write: a multiple of every block size. */
  static final int PIECE_MAX_BYTES = 256 * 1024;

  private static final ByteBuffer ZEROES =
      ByteBuffer.allocateDirect(PIECE_MAX_BYTES).asReadOnlyBuffer();

  private ZeroWrites() {}

  /** Takes the writes. */
  interface Target {
    void submit(Bio bio) throws ErrnoException;
  }

  /**
   * Writes zeroes over the bio's range, piece by piece in rising order, each with the bio's FUA.
   * NO_UNMAP needs nothing: to write is to allocate.
   *
   * @param layer who lacks the operation, for the message
   * @throws ErrnoException ENOTSUP, with nothing written, if the bio has FAST_ONLY; else what the
   *     first failing write throws
   */
  static void submit(Bio bio, Target target, String layer) throws ErrnoException {
    if (bio.has(Bio.FAST_ONLY)) {
      throw new ErrnoException(
          Errno.ENOTSUP, bio + ": no fast way to zero, because " + layer + " can only write");
    }
    Bio write = new Bio();
    ByteBuffer zeroes = ZEROES.duplicate();
    int flags = bio.flags() & Bio.FUA;
    long endBytes = bio.endBytes();
    for (long offset = bio.offsetBytes(); offset < endBytes; offset += write.lengthBytes()) {
      zeroes.clear().limit((int) Math.min(PIECE_MAX_BYTES, endBytes - offset));
      target.submit(write.write(offset, zeroes, flags));
    }
  }
}
