package io.sluice.blksnap.cow;

import io.sluice.block.Bio;
import java.nio.ByteBuffer;

/** What one copy needs: a direct buffer, and a bio to fill it with. Belongs to who acquired it. */
public final class CopyBuffer {
  /** The buffer's size: large enough that a longer copy gains nothing by a larger one. */
  public static final int SIZE_BYTES = 256 << 10;

  private static final int PAGE_BYTES = 4096;

  private final ByteBuffer bytes =
      ByteBuffer.allocateDirect(SIZE_BYTES + PAGE_BYTES).alignedSlice(PAGE_BYTES);
  private final Bio bio = new Bio();

  /** {@link #SIZE_BYTES} or a little more, page aligned; position and limit are the user's. */
  public ByteBuffer bytes() {
    return bytes;
  }

  /** A bio to use with {@link #bytes()}. */
  public Bio bio() {
    return bio;
  }
}
