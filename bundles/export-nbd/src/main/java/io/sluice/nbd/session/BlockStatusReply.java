package io.sluice.nbd.session;

import io.sluice.block.BlockDevice;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import io.sluice.nbd.codec.NbdLimits;
import io.sluice.nbd.codec.NbdProtocol;
import io.sluice.nbd.codec.Replies;
import io.sluice.nbd.codec.Request;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * BLOCK_STATUS: asks the device and puts merged extents straight into the reply buffer, never past
 * the end of what was asked for. Made to be reused; one thread.
 */
final class BlockStatusReply implements ExtentVisitor {
  private static final int PREFIX_BYTES = NbdProtocol.CHUNK_HEADER_BYTES + 4;
  private static final int EXTENT_BYTES = 8;

  private static final int REPLY_MAX_BYTES =
      PREFIX_BYTES + EXTENT_BYTES * NbdLimits.EXTENTS_PER_REPLY_MAX;

  private final BlockDevice device;
  private final ReplyOutput out;

  private ByteBuffer buffer;
  private int extentsMax;
  private int extentCount;
  private long leftBytes;
  private long pendingBytes;
  private int pendingState;

  BlockStatusReply(BlockDevice device, ReplyOutput out) {
    this.device = device;
    this.out = out;
  }

  /** Serves a request that was checked. */
  void serve(Request request) throws IOException {
    buffer = out.reserve(REPLY_MAX_BYTES);
    int start = buffer.position();
    buffer.position(start + PREFIX_BYTES);
    extentsMax = request.has(NbdProtocol.CMD_FLAG_REQ_ONE) ? 1 : NbdLimits.EXTENTS_PER_REPLY_MAX;
    extentCount = 0;
    pendingBytes = 0;
    leftBytes = request.lengthBytes();
    ErrnoException failure = ask(request);
    if (failure != null) {
      buffer.position(start);
      out.answer(request, true, failure);
      return;
    }
    if (pendingBytes == 0) {
      // The device said nothing: all may be data.
      pendingState = DATA;
      pendingBytes = request.lengthBytes();
    }
    putPending();
    int end = buffer.position();
    buffer.position(start);
    Replies.putChunk(
        buffer,
        request.cookie(),
        NbdProtocol.REPLY_FLAG_DONE,
        NbdProtocol.REPLY_TYPE_BLOCK_STATUS,
        end - start - NbdProtocol.CHUNK_HEADER_BYTES);
    buffer.putInt(Negotiation.BASE_ALLOCATION_ID).position(end);
  }

  private ErrnoException ask(Request request) {
    try {
      device.status(request.offsetBytes(), request.lengthBytes(), this);
      return null;
    } catch (ErrnoException e) {
      return e;
    } catch (RuntimeException | Error e) {
      return DeviceCalls.fault(request.toString(), e);
    }
  }

  @Override
  public boolean extent(long lengthBytes, int state) {
    long clipped = Math.min(lengthBytes, leftBytes);
    if (clipped <= 0) {
      return false;
    }
    // base:allocation has the same two bits, hole and zero.
    int wireState = state & (HOLE | ZERO);
    if (pendingBytes > 0 && wireState != pendingState) {
      if (extentCount + 1 == extentsMax) {
        return false;
      }
      putPending();
      pendingBytes = 0;
    }
    pendingState = wireState;
    pendingBytes += clipped;
    leftBytes -= clipped;
    return leftBytes > 0;
  }

  private void putPending() {
    buffer.putInt((int) pendingBytes).putInt(pendingState);
    extentCount++;
  }
}
