package io.sluice.nbd.session;

import io.sluice.block.DeviceGeometry;
import io.sluice.block.ErrnoException;
import io.sluice.nbd.codec.NbdProtocol;
import io.sluice.nbd.codec.Request;
import java.io.IOException;

/** WRITE in the connection's own thread, from the input buffer and without copying. */
final class InlineWrites {
  /** A payload up to this size is submitted whole, once all of it has come. */
  static final int WHOLE_MAX_BYTES = 128 << 10;

  /**
   * What has come of a larger payload is submitted when it is at least this much; the largest block
   * size, so that there is always a whole block in it.
   */
  private static final int PIECE_MIN_BYTES = DeviceGeometry.BLOCK_SIZE_MAX_BYTES;

  /** Where pieces end, so that neither the device nor the page cache sees a page twice. */
  private static final int PIECE_ALIGNMENT_BYTES = 4096;

  private final DeviceCalls device;
  private final RequestInput in;

  InlineWrites(DeviceCalls device, RequestInput in) {
    this.device = device;
    this.in = in;
  }

  /** Stores a payload that is all there, and takes it; null, or why it failed. */
  ErrnoException whole(Request request) {
    int lengthBytes = (int) request.lengthBytes();
    boolean fua = request.has(NbdProtocol.CMD_FLAG_FUA);
    ErrnoException failure = device.write(request.offsetBytes(), in.peek(lengthBytes), fua);
    in.taken(lengthBytes);
    return failure;
  }

  /**
   * Stores a payload piece by piece as it comes. The request shrinks to what is left of it.
   *
   * @param blockSizeBytes of the device; pieces end at its multiples
   * @return null, or why it failed; the rest of the payload is still to be taken then
   */
  ErrnoException pieces(Request request, int blockSizeBytes) throws IOException {
    boolean fua = request.has(NbdProtocol.CMD_FLAG_FUA);
    boolean flushAtEnd = fua && device.flushes();
    long alignment = Math.max(PIECE_ALIGNMENT_BYTES, blockSizeBytes);
    long end = request.offsetBytes() + request.lengthBytes();
    ErrnoException failure = null;
    while (request.lengthBytes() > 0 && failure == null) {
      long at = request.offsetBytes();
      in.require((int) Math.min(PIECE_MIN_BYTES, end - at));
      long availableEnd = at + in.unread().remaining();
      int piece = (int) ((availableEnd >= end ? end : availableEnd & -alignment) - at);
      failure = device.write(at, in.peek(piece), fua && !flushAtEnd);
      in.taken(piece);
      request.advance(piece);
    }
    return failure == null && flushAtEnd ? device.flush() : failure;
  }
}
