package io.sluice.nbd.session;

import io.sluice.block.BlockDevice;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import io.sluice.nbd.codec.NbdLimits;
import io.sluice.nbd.codec.NbdProtocol;
import io.sluice.nbd.codec.Replies;
import io.sluice.nbd.codec.ReplyStyle;
import io.sluice.nbd.codec.Request;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * BLOCK_STATUS: asks the device and puts merged extents straight into the reply buffer, never past
 * the end of what was asked for. Made to be reused; one thread.
 */
final class BlockStatusReply implements ExtentVisitor {
  private final BlockDevice device;
  private final boolean extended;
  private final int prefixBytes;
  private final int replyMaxBytes;
  private final ReplyOutput out;

  private ByteBuffer buffer;
  private int extentsMax;
  private int extentCount;
  private long leftBytes;
  private long pendingBytes;
  private int pendingState;

  BlockStatusReply(BlockDevice device, ReplyOutput out, ReplyStyle style) {
    this.device = device;
    // Lengths and states of 64 bits, and their number in front of them.
    this.extended = style == ReplyStyle.EXTENDED;
    this.prefixBytes = style.chunkHeaderBytes() + (extended ? 8 : 4);
    this.replyMaxBytes = prefixBytes + (extended ? 16 : 8) * NbdLimits.EXTENTS_PER_REPLY_MAX;
    this.out = out;
  }

  /** Serves a request that was checked. */
  void serve(Request request) throws IOException {
    buffer = out.reserve(replyMaxBytes);
    int start = buffer.position();
    buffer.position(start + prefixBytes);
    extentsMax = request.has(NbdProtocol.CMD_FLAG_REQ_ONE) ? 1 : NbdLimits.EXTENTS_PER_REPLY_MAX;
    extentCount = 0;
    pendingBytes = 0;
    leftBytes = request.lengthBytes();
    ErrnoException failure = ask(request);
    if (failure != null) {
      buffer.position(start);
      out.answer(request, failure);
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
        request,
        NbdProtocol.REPLY_FLAG_DONE,
        extended ? NbdProtocol.REPLY_TYPE_BLOCK_STATUS_EXT : NbdProtocol.REPLY_TYPE_BLOCK_STATUS,
        end - start - request.style().chunkHeaderBytes());
    buffer.putInt(Negotiation.BASE_ALLOCATION_ID);
    if (extended) {
      buffer.putInt(extentCount);
    }
    buffer.position(end);
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
    if (extended) {
      buffer.putLong(pendingBytes).putLong(pendingState);
    } else {
      buffer.putInt((int) pendingBytes).putInt(pendingState);
    }
    extentCount++;
  }
}
