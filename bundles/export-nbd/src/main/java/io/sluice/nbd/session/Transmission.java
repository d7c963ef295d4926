package io.sluice.nbd.session;

import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.export.RateLimit;
import io.sluice.nbd.codec.NbdLimits;
import io.sluice.nbd.codec.NbdProtocol;
import io.sluice.nbd.codec.ProtocolException;
import io.sluice.nbd.codec.ReplyStyle;
import io.sluice.nbd.codec.Request;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousCloseException;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;

/**
 * The data path of one connection: takes requests as the socket delivers them, serves them one by
 * one in this thread and sends the replies when the input runs dry. A device that waits gets all
 * but the last request of a batch from other threads. {@link #stop} and {@link #rest} may be called
 * by any thread.
 */
final class Transmission {
  private static final String REFUSAL_ERRNO = "refusal.errno";
  private static final String REFUSAL_TEXT = "refusal.text";
  private static final String STARTED_AT = "begun.first-offset-bytes";

  /** How soon a client that waits for its turn sees that the export's limit is another one. */
  private static final long LIMIT_CHANGE_SEEN_NANOS = 100_000_000;

  private final Agreement agreed;
  private final Export export;
  private final BlockDevice device;
  private final RequestInput in;
  private final ReplyOutput out;
  private final RequestCheck check;
  private final DeviceCalls calls;
  private final InlineReads reads;
  private final InlineWrites writes;
  private final BlockStatusReply blockStatus;
  private final Workers workers;
  private final LatencyGauge gauge = new LatencyGauge();
  private final Request request;
  private final int requestBytes;
  private final LongSupplier nanoClock;
  private volatile boolean stopping;
  private volatile boolean resting;
  private volatile boolean abandoned;

  /** The connection's thread while it waits for a request's turn. */
  private volatile Thread waiting;

  /** Whether {@link #request} was taken and is not answered. */
  private boolean begun;

  /** Why the request that was begun can't be served; its payload may not have come yet. */
  private ErrnoException refusal;

  /** Where the first request started, if an earlier session began with it. */
  private String startedAt;

  /** What has come of a payload that was on its way to a worker. */
  private ByteBuffer begunPayload = ByteBuffer.allocate(0);

  /**
   * @param from what an earlier session left, or nothing
   */
  Transmission(
      Agreement agreed,
      Map<String, String> from,
      RequestInput in,
      ReplyOutput out,
      SessionResources resources,
      Runnable onBrokenOutput) {
    this.agreed = agreed;
    this.refusal = refusal(from);
    this.startedAt = from.get(STARTED_AT);
    this.export = agreed.export();
    this.device = export.device();
    this.request = new Request(agreed.style());
    this.requestBytes = agreed.style().requestBytes();
    this.in = in;
    this.out = out;
    this.check = new RequestCheck(export, agreed.style(), agreed.contexts());
    this.calls = new DeviceCalls(device, gauge, resources.nanoClock());
    this.reads =
        new InlineReads(
            calls, new HoleSearch(device), out, agreed.style(), device.geometry().blockSizeBytes());
    this.writes = new InlineWrites(calls, in);
    this.blockStatus = new BlockStatusReply(device, agreed.contexts(), out, agreed.style());
    this.nanoClock = resources.nanoClock();
    this.workers = new Workers(device, out, agreed.style(), resources, onBrokenOutput);
  }

  /** From now on requests are answered with ESHUTDOWN; the connection ends after the next ones. */
  void stop() {
    stopping = true;
    wakeWaiting();
  }

  /** Has {@link #run} return between two requests, or where it waits for a payload. */
  void rest() {
    resting = true;
    wakeWaiting();
  }

  /** The channel is being taken away: nobody waits for a turn any more. */
  void abandon() {
    abandoned = true;
    wakeWaiting();
  }

  private void wakeWaiting() {
    LockSupport.unpark(waiting);
  }

  /**
   * Serves requests until the client leaves or is to leave. Returns with no request under way.
   *
   * @return null, or where it stands if it came to rest
   */
  SessionState run() throws IOException, ProtocolException {
    try {
      boolean open = true;
      while (open && comes()) {
        request.decode(in.unread());
        open = request.type() != NbdProtocol.CMD_DISC;
        if (open) {
          begun = true;
          if (startedAt != null) {
            request.startedAt(Long.parseLong(startedAt));
            startedAt = null;
          }
          serve();
          begun = false;
        }
      }
      out.flush();
      return null;
    } catch (RestException e) {
      out.flush();
      return state();
    } finally {
      workers.awaitIdle();
    }
  }

  private boolean comes() throws IOException {
    if (resting) {
      throw new RestException();
    }
    return hasRequest() || (!stopping && in.await(requestBytes));
  }

  private SessionState state() {
    if (begun
        && refusal == null
        && request.type() == NbdProtocol.CMD_WRITE
        && request.has(NbdProtocol.CMD_FLAG_FUA)
        && calls.flushes()) {
      // What was stored of the payload is not part of the request that is left.
      refusal = calls.flush();
    }
    Map<String, String> properties = new HashMap<>();
    agreed.save(properties);
    if (refusal != null) {
      properties.put(REFUSAL_ERRNO, refusal.errno().name());
      properties.put(REFUSAL_TEXT, refusal.text());
    }
    ByteBuffer header = ByteBuffer.allocate(begun ? requestBytes : 0);
    if (begun) {
      properties.put(STARTED_AT, Long.toString(request.firstOffsetBytes()));
      request.encode(header);
    }
    ByteBuffer payload = SessionState.joined(begunPayload, in.unread());
    return new SessionState(properties, SessionState.joined(header.flip(), payload));
  }

  private static ErrnoException refusal(Map<String, String> from) {
    String errno = from.get(REFUSAL_ERRNO);
    return errno == null
        ? null
        : new ErrnoException(Errno.ofName(errno).orElse(Errno.EIO), from.get(REFUSAL_TEXT));
  }

  private boolean hasRequest() {
    return in.unread().remaining() >= requestBytes;
  }

  private void serve() throws IOException, ProtocolException {
    if (hasPayload()
        && Long.compareUnsigned(request.lengthBytes(), NbdLimits.PAYLOAD_DRAIN_MAX_BYTES) > 0) {
      throw new ProtocolException(
          request + ": the payload's limit is " + NbdLimits.PAYLOAD_MAX_BYTES + " bytes");
    }
    if (refusal == null) {
      refusal = stopping ? shutDown() : check.refusal(request);
      if (refusal == null && export.throttle().limited()) {
        refusal = awaitTurn();
      }
    }
    int chosen = agreed.contexts().all();
    if (refusal == null && hasBlockStatusPayload()) {
      chosen = takeBlockStatusPayload();
      refusal = check.payloadRefusal(request, chosen);
    }
    if (refusal != null) {
      refuse();
      return;
    }
    boolean slow = gauge.slow() || device.mayBlock();
    if (slow && handOver()) {
      return;
    }
    if (slow) {
      // The replies gathered so far should not wait for this one.
      out.flush();
    }
    serveInline(chosen);
  }

  private boolean hasBlockStatusPayload() {
    return request.type() == NbdProtocol.CMD_BLOCK_STATUS
        && request.has(NbdProtocol.CMD_FLAG_PAYLOAD_LEN);
  }

  /** Waits for all of it, so that a request at rest has it all before it, or none taken. */
  private int takeBlockStatusPayload() throws IOException {
    int payloadBytes = (int) request.lengthBytes();
    in.require(payloadBytes);
    ByteBuffer payload = in.peek(payloadBytes);
    request.payloadTaken(payload.getLong());
    int chosen = BlockStatusPayload.chosen(payload, agreed.contexts());
    in.taken(payloadBytes);
    return chosen;
  }

  /** Null once it is the request's turn, or why it has none. */
  private ErrnoException awaitTurn() throws IOException {
    Throttle throttle = export.throttle();
    RateLimit limit = throttle.limit();
    long dueNanos = nanoClock.getAsLong() + throttle.takeTurn(request);
    long leftNanos = dueNanos - nanoClock.getAsLong();
    if (leftNanos > 0) {
      out.flush();
      waiting = Thread.currentThread();
      while (leftNanos > 0 && limit.equals(throttle.limit()) && !isCalled()) {
        LockSupport.parkNanos(this, Math.min(leftNanos, LIMIT_CHANGE_SEEN_NANOS));
        // Nobody has reason to interrupt this thread, and it would not wait any more.
        Thread.interrupted();
        leftNanos = dueNanos - nanoClock.getAsLong();
      }
      waiting = null;
      if (leftNanos > 0 && limit.equals(throttle.limit())) {
        throttle.giveTurn(request, limit);
        return turnedAway();
      }
    }
    return null;
  }

  private boolean isCalled() {
    return stopping || resting || abandoned;
  }

  private ErrnoException turnedAway() throws IOException {
    if (abandoned) {
      throw new AsynchronousCloseException();
    }
    if (stopping) {
      return shutDown();
    }
    throw new RestException();
  }

  private void refuse() throws IOException {
    if (hasPayload()) {
      in.skip(request);
    }
    out.answer(request, refusal);
    refusal = null;
  }

  /** A write's is known by its command; a flag, which is refused, may say that others have one. */
  private boolean hasPayload() {
    return request.type() == NbdProtocol.CMD_WRITE
        || (request.style() == ReplyStyle.EXTENDED
            && request.has(NbdProtocol.CMD_FLAG_PAYLOAD_LEN));
  }

  private ErrnoException shutDown() {
    return new ErrnoException(
        Errno.ESHUTDOWN, request + " on " + export.name() + ": the export is being shut down");
  }

  /**
   * @param chosen of a BLOCK_STATUS, which contexts it asks for
   */
  private void serveInline(int chosen) throws IOException, ProtocolException {
    switch (request.type()) {
      case NbdProtocol.CMD_READ -> reads.serve(request);
      case NbdProtocol.CMD_WRITE -> {
        refusal = write();
        if (refusal == null) {
          out.answer(request, null);
        } else {
          refuse();
        }
      }
      case NbdProtocol.CMD_CACHE -> {
        reads.warm(request);
        out.answer(request, null);
      }
      case NbdProtocol.CMD_BLOCK_STATUS -> blockStatus.serve(request, chosen);
      default -> out.answer(request, calls.perform(request));
    }
  }

  private ErrnoException write() throws IOException {
    long lengthBytes = request.lengthBytes();
    if (lengthBytes == 0) {
      return null;
    }
    if (lengthBytes > InlineWrites.WHOLE_MAX_BYTES) {
      return writes.pieces(request, device.geometry().blockSizeBytes());
    }
    in.require((int) lengthBytes);
    ErrnoException failure = writes.whole(request);
    request.advance(lengthBytes);
    return failure;
  }

  /** Gives the request to another thread if there is more to do here meanwhile. */
  private boolean handOver() throws IOException {
    if (!worthHandingOver()) {
      return false;
    }
    Workers.Task task = workers.tryPrepare(request);
    if (task == null) {
      return false;
    }
    if (request.type() == NbdProtocol.CMD_WRITE) {
      takePayload(task);
    }
    task.start();
    return true;
  }

  private boolean worthHandingOver() {
    return switch (request.type()) {
      case NbdProtocol.CMD_READ -> request.lengthBytes() > 0 && hasRequest();
      // A large payload is never followed by a request in the same buffer, nor does it need to be:
      // the next one can come in while this one is stored.
      case NbdProtocol.CMD_WRITE ->
          request.lengthBytes() > InlineWrites.WHOLE_MAX_BYTES
              || (request.lengthBytes() > 0
                  && in.unread().remaining() >= request.lengthBytes() + requestBytes);
      case NbdProtocol.CMD_FLUSH, NbdProtocol.CMD_TRIM, NbdProtocol.CMD_WRITE_ZEROES ->
          hasRequest();
      default -> false;
    };
  }

  private void takePayload(Workers.Task task) throws IOException {
    ByteBuffer payload = task.payload();
    int start = payload.position();
    try {
      in.readFully(payload);
    } catch (RestException e) {
      begunPayload = SessionState.joined(payload.flip().position(start), begunPayload);
      task.cancel();
      throw e;
    } catch (IOException | RuntimeException e) {
      task.cancel();
      throw e;
    }
  }
}
