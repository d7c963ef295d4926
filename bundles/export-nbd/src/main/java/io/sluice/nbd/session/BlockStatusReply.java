package io.sluice.nbd.session;

import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
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
 * BLOCK_STATUS: asks the device and its maps, and puts merged extents straight into the reply
 * buffer, a chunk for each context, never past the end of what was asked for. All chunks of a reply
 * end at the same offset, since some clients go on from the end of the first. Made to be reused;
 * one thread.
 */
final class BlockStatusReply implements ExtentVisitor {
  private final BlockDevice device;
  private final ContextSelection contexts;
  private final boolean extended;
  private final int extentBytes;
  private final int prefixBytes;
  private final int replyMaxBytes;
  private final ReplyOutput out;

  // The chunks of this reply: where each starts, whose it is, its extents, and how far they go.
  private final int[] starts;
  private final int[] places;
  private final int[] counts;
  private final long[] reachBytes;

  private ByteBuffer buffer;
  private int stateMask;
  private int extentsMax;
  private int extentCount;
  private long leftBytes;
  private long pendingBytes;
  private int pendingState;

  BlockStatusReply(
      BlockDevice device, ContextSelection contexts, ReplyOutput out, ReplyStyle style) {
    this.device = device;
    this.contexts = contexts;
    // Lengths and states of 64 bits, and their number in front of them.
    this.extended = style == ReplyStyle.EXTENDED;
    this.extentBytes = extended ? 16 : 8;
    this.prefixBytes = style.chunkHeaderBytes() + (extended ? 8 : 4);
    this.replyMaxBytes =
        prefixBytes * contexts.size() + extentBytes * NbdLimits.EXTENTS_PER_REPLY_MAX;
    this.out = out;
    this.starts = new int[contexts.size()];
    this.places = new int[contexts.size()];
    this.counts = new int[contexts.size()];
    this.reachBytes = new long[contexts.size()];
  }

  /**
   * Serves a request that was checked.
   *
   * @param chosen which contexts, as {@link ContextSelection#all} has it; not none
   */
  void serve(Request request, int chosen) throws IOException {
    buffer = out.reserve(replyMaxBytes);
    int start = buffer.position();
    extentsMax =
        request.has(NbdProtocol.CMD_FLAG_REQ_ONE)
            ? 1
            : NbdLimits.EXTENTS_PER_REPLY_MAX / Integer.bitCount(chosen);
    long endBytes = request.lengthBytes();
    int chunkCount = 0;
    for (int place = 0; place < contexts.size(); place++) {
      if ((chosen & 1 << place) != 0) {
        places[chunkCount] = place;
        ErrnoException failure = gather(request, chunkCount, endBytes);
        if (failure != null) {
          buffer.position(start);
          out.answer(request, failure);
          return;
        }
        endBytes = reachBytes[chunkCount++];
      }
    }
    int to = start;
    for (int chunk = 0; chunk < chunkCount; chunk++) {
      to = finish(request, chunk, to, endBytes, chunk == chunkCount - 1);
    }
    buffer.position(to);
  }

  /** Puts a chunk's extents behind the last one, up to {@code endBytes} of the range. */
  private ErrnoException gather(Request request, int chunk, long endBytes) {
    MetaContext context = contexts.selected().get(places[chunk]).context();
    starts[chunk] = buffer.position();
    buffer.position(starts[chunk] + prefixBytes);
    stateMask = context.stateMask();
    extentCount = 0;
    pendingBytes = 0;
    leftBytes = endBytes;
    ErrnoException failure = ask(request, context, endBytes);
    if (failure != null) {
      return failure;
    }
    if (pendingBytes == 0 && context.map() == null) {
      // The device said nothing: all may be data.
      extent(endBytes, DATA);
    }
    if (pendingBytes == 0) {
      return new ErrnoException(
          Errno.EIO, request + ": context " + context.name() + " has no answer");
    }
    putPending();
    counts[chunk] = extentCount;
    reachBytes[chunk] = endBytes - leftBytes;
    return null;
  }

  private ErrnoException ask(Request request, MetaContext context, long endBytes) {
    try {
      context.ask(device, request.offsetBytes(), endBytes, this);
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
    int wireState = state & stateMask;
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
      buffer.putLong(pendingBytes).putLong(Integer.toUnsignedLong(pendingState));
    } else {
      buffer.putInt((int) pendingBytes).putInt(pendingState);
    }
    extentCount++;
  }

  /**
   * Cuts a chunk off at {@code endBytes} of the range, moves it down to {@code to}, and gives it
   * its header.
   *
   * @return where it ends now
   */
  private int finish(Request request, int chunk, int to, long endBytes, boolean last) {
    int from = starts[chunk] + prefixBytes;
    int keptBytes = keep(chunk, from, endBytes) * extentBytes;
    if (to != starts[chunk]) {
      buffer.put(to + prefixBytes, buffer, from, keptBytes);
    }
    buffer.position(to);
    Replies.putChunk(
        buffer,
        request,
        last ? NbdProtocol.REPLY_FLAG_DONE : 0,
        extended ? NbdProtocol.REPLY_TYPE_BLOCK_STATUS_EXT : NbdProtocol.REPLY_TYPE_BLOCK_STATUS,
        prefixBytes - request.style().chunkHeaderBytes() + keptBytes);
    buffer.putInt(contexts.selected().get(places[chunk]).id());
    if (extended) {
      buffer.putInt(keptBytes / extentBytes);
    }
    return to + prefixBytes + keptBytes;
  }

  /** How many of a chunk's extents begin before {@code endBytes}; the last is cut off there. */
  private int keep(int chunk, int from, long endBytes) {
    long reach = reachBytes[chunk];
    int count = counts[chunk];
    while (reach > endBytes) {
      int at = from + (count - 1) * extentBytes;
      long lengthBytes = extended ? buffer.getLong(at) : Integer.toUnsignedLong(buffer.getInt(at));
      long cutBytes = Math.min(lengthBytes, reach - endBytes);
      if (cutBytes == lengthBytes) {
        count--;
      } else if (extended) {
        buffer.putLong(at, lengthBytes - cutBytes);
      } else {
        buffer.putInt(at, (int) (lengthBytes - cutBytes));
      }
      reach -= cutBytes;
    }
    return count;
  }
}
