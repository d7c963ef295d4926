package io.sluice.nbd.session;

import io.sluice.block.ErrnoException;
import io.sluice.nbd.codec.NbdLimits;
import io.sluice.nbd.codec.NbdProtocol;
import io.sluice.nbd.codec.ProtocolException;
import io.sluice.nbd.codec.Replies;
import io.sluice.nbd.codec.ReplyStyle;
import io.sluice.nbd.codec.Request;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * READ in the connection's own thread: the device writes straight into the reply buffer, behind the
 * room kept for the header, which is put once the bytes are known to be good.
 */
final class InlineReads {
  /** A read up to this size is answered in one piece, and no hole is looked for. */
  static final int WHOLE_MAX_BYTES = 64 << 10;

  /**
   * The pieces of a larger one: as large as a processor's nearest cache, as what is sent together
   * is not.
   */
  static final int PIECE_BYTES = 32 << 10;

  private final DeviceCalls device;
  private final HoleSearch holes;
  private final ReplyOutput out;
  private final ReplyStyle style;
  private final int headerBytes;
  private final int pieceBytes;

  /**
   * @param blockSizeBytes the device's, which is a divisor of each piece
   */
  InlineReads(
      DeviceCalls device, HoleSearch holes, ReplyOutput out, ReplyStyle style, int blockSizeBytes) {
    this.device = device;
    this.holes = holes;
    this.out = out;
    this.style = style;
    this.headerBytes = style.dataHeaderBytes();
    this.pieceBytes = Math.max(PIECE_BYTES, blockSizeBytes);
  }

  /** Serves a read that was checked. */
  void serve(Request request) throws IOException, ProtocolException {
    long lengthBytes = request.lengthBytes();
    if (lengthBytes == 0) {
      empty(request);
    } else if (style.chunks() && (lengthBytes <= WHOLE_MAX_BYTES || !isWhole(request))) {
      chunks(request);
    } else {
      contiguous(request);
    }
  }

  /** Once structured replies are agreed on, a read may not have a simple one, even for nothing. */
  private void empty(Request request) throws IOException {
    if (style.chunks()) {
      putLast(request);
    } else {
      out.answer(request, null);
    }
  }

  private void putLast(Request request) throws IOException {
    Replies.putLastChunk(out.reserve(style.chunkHeaderBytes()), request);
  }

  /** Warms the device's cache: reads and sends nothing. A hint, so failures are of no interest. */
  void warm(Request request) throws IOException {
    long lengthBytes = Math.min(request.lengthBytes(), NbdLimits.PAYLOAD_MAX_BYTES);
    ErrnoException failure = null;
    for (long done = 0; done < lengthBytes && failure == null; done += pieceBytes) {
      int piece = (int) Math.min(pieceBytes, lengthBytes - done);
      int start = out.reserve(piece).position();
      failure = device.read(request.offsetBytes() + done, out.view(start, piece));
    }
  }

  private static boolean isWhole(Request request) {
    return request.has(NbdProtocol.CMD_FLAG_DF);
  }

  private void chunks(Request request) throws IOException {
    if (request.lengthBytes() > WHOLE_MAX_BYTES) {
      sparse(request);
    } else {
      ErrnoException failure = dataChunk(request, 0, (int) request.lengthBytes());
      if (failure != null) {
        out.answer(request, failure);
      }
    }
  }

  private void sparse(Request request) throws IOException {
    long lengthBytes = request.lengthBytes();
    holes.look(request);
    ErrnoException failure = null;
    long done = 0;
    while (done < lengthBytes && failure == null) {
      boolean zero = holes.isZero(done);
      int run = (int) (holes.endBytes() - done);
      if (zero) {
        holeChunk(request, done, run);
      } else {
        run = Math.min(run, pieceBytes);
        failure = dataChunk(request, done, run);
      }
      done += run;
    }
    if (failure != null) {
      out.answer(request, failure);
    }
  }

  private void holeChunk(Request request, long done, int bytes) throws IOException {
    Replies.putHoleChunk(
        out.reserve(style.holeChunkBytes()),
        request,
        flags(request, done + bytes),
        request.offsetBytes() + done,
        bytes);
  }

  /** Null, or why it failed; nothing is put then. */
  private ErrnoException dataChunk(Request request, long done, int bytes) throws IOException {
    long offsetBytes = request.offsetBytes() + done;
    ByteBuffer buffer = out.reserve(headerBytes + bytes);
    int start = buffer.position();
    ErrnoException failure = device.read(offsetBytes, out.view(start + headerBytes, bytes));
    if (failure == null) {
      Replies.putDataHeader(buffer, request, flags(request, done + bytes), offsetBytes, bytes);
      buffer.position(start + headerBytes + bytes);
    }
    return failure;
  }

  private static int flags(Request request, long endBytes) {
    return endBytes == request.lengthBytes() ? NbdProtocol.REPLY_FLAG_DONE : 0;
  }

  /**
   * A reply of more than one piece, or a simple one, whose bytes all follow one header. An error
   * can only be told before that header is sent, so the first piece is read ahead of it.
   */
  private void contiguous(Request request) throws IOException, ProtocolException {
    int lengthBytes = (int) request.lengthBytes();
    int piece = Math.min(pieceBytes, lengthBytes);
    ByteBuffer buffer = out.reserve(headerBytes + piece);
    int start = buffer.position();
    ErrnoException failure =
        device.read(request.offsetBytes(), out.view(start + headerBytes, piece));
    if (failure != null) {
      out.answer(request, failure);
      return;
    }
    Replies.putDataHeader(buffer, request, 0, request.offsetBytes(), lengthBytes);
    buffer.position(start + headerBytes + piece);
    if (piece < lengthBytes) {
      out.lock();
      try {
        rest(request, piece);
        out.flush();
      } finally {
        out.unlock();
      }
    }
  }

  private void rest(Request request, int sentBytes) throws IOException, ProtocolException {
    ErrnoException failure = null;
    int lengthBytes = (int) request.lengthBytes();
    for (int done = sentBytes; done < lengthBytes; done += pieceBytes) {
      int piece = Math.min(pieceBytes, lengthBytes - done);
      ByteBuffer buffer = out.reserve(piece);
      int start = buffer.position();
      if (failure == null) {
        failure = device.read(request.offsetBytes() + done, out.view(start, piece));
      }
      if (failure != null && !style.chunks()) {
        throw new ProtocolException(
            "a simple reply had begun when the read failed: " + failure.getMessage());
      }
      if (failure == null) {
        buffer.position(start + piece);
      } else {
        // The chunk was announced: the client gets its length, then the error. Zeroes, because the
        // buffer holds what others have read.
        buffer.put(new byte[piece]);
      }
    }
    if (style.chunks() && failure == null) {
      putLast(request);
    } else if (failure != null) {
      out.answer(request, failure);
    }
  }
}
