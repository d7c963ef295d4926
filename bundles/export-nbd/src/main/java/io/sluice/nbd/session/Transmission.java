package io.sluice.nbd.session;

import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.nbd.codec.NbdLimits;
import io.sluice.nbd.codec.NbdProtocol;
import io.sluice.nbd.codec.ProtocolException;
import io.sluice.nbd.codec.Request;
import java.io.IOException;

/**
 * The data path of one connection: takes requests as the socket delivers them, serves them one by
 * one in this thread and sends the replies when the input runs dry. A device that waits gets all
 * but the last request of a batch from other threads. {@link #stop} may be called by any thread.
 */
final class Transmission {
  private final Export export;
  private final BlockDevice device;
  private final boolean structured;
  private final RequestInput in;
  private final ReplyOutput out;
  private final RequestCheck check;
  private final DeviceCalls calls;
  private final InlineReads reads;
  private final InlineWrites writes;
  private final BlockStatusReply blockStatus;
  private final Workers workers;
  private final BeforeSharing beforeSharing;
  private final LatencyGauge gauge = new LatencyGauge();
  private final Request request = new Request();
  private volatile boolean stopping;

  Transmission(
      Negotiation agreed,
      RequestInput in,
      ReplyOutput out,
      SessionResources resources,
      BeforeSharing beforeSharing,
      Runnable onBrokenOutput) {
    this.export = agreed.export();
    this.device = export.device();
    this.structured = agreed.structured();
    this.in = in;
    this.out = out;
    this.check = new RequestCheck(export, structured, agreed.allocationContext());
    this.calls = new DeviceCalls(device, gauge, resources.nanoClock());
    this.reads = new InlineReads(calls, out, structured);
    this.writes = new InlineWrites(calls, in);
    this.blockStatus = new BlockStatusReply(device, out);
    this.beforeSharing = beforeSharing;
    this.workers = new Workers(device, out, structured, resources, onBrokenOutput);
  }

  /** From now on requests are answered with ESHUTDOWN; the connection ends after the next ones. */
  void stop() {
    stopping = true;
  }

  /** Serves requests until the client leaves or is to leave. Returns with no request under way. */
  void run() throws IOException, ProtocolException {
    try {
      boolean open = true;
      while (open && (hasRequest() || (!stopping && in.await(NbdProtocol.REQUEST_BYTES)))) {
        request.decode(in.unread());
        open = request.type() != NbdProtocol.CMD_DISC;
        if (open) {
          serve();
        }
      }
      out.flush();
    } finally {
      workers.awaitIdle();
    }
  }

  private boolean hasRequest() {
    return in.unread().remaining() >= NbdProtocol.REQUEST_BYTES;
  }

  private void serve() throws IOException, ProtocolException {
    boolean write = request.type() == NbdProtocol.CMD_WRITE;
    if (write && request.lengthBytes() > NbdLimits.PAYLOAD_DRAIN_MAX_BYTES) {
      throw new ProtocolException(
          request + ": the payload's limit is " + NbdLimits.PAYLOAD_MAX_BYTES + " bytes");
    }
    ErrnoException refusal = stopping ? shutDown() : check.refusal(request);
    if (refusal != null) {
      if (write) {
        in.skip(request.lengthBytes());
      }
      out.answer(request, structured, refusal);
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
    serveInline();
  }

  private ErrnoException shutDown() {
    return new ErrnoException(
        Errno.ESHUTDOWN, request + " on " + export.name() + ": the export is being shut down");
  }

  private void serveInline() throws IOException, ProtocolException {
    switch (request.type()) {
      case NbdProtocol.CMD_READ -> reads.serve(request);
      case NbdProtocol.CMD_WRITE -> out.answer(request, structured, write());
      case NbdProtocol.CMD_CACHE -> {
        reads.warm(request);
        out.answer(request, structured, null);
      }
      case NbdProtocol.CMD_BLOCK_STATUS -> blockStatus.serve(request);
      default -> out.answer(request, structured, calls.perform(request));
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
    return writes.whole(request);
  }

  /** Gives the request to another thread if there is more to do here meanwhile. */
  private boolean handOver() throws IOException {
    if (!worthHandingOver()) {
      return false;
    }
    beforeSharing.share();
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
                  && in.unread().remaining() >= request.lengthBytes() + NbdProtocol.REQUEST_BYTES);
      case NbdProtocol.CMD_FLUSH, NbdProtocol.CMD_TRIM, NbdProtocol.CMD_WRITE_ZEROES ->
          hasRequest();
      default -> false;
    };
  }

  private void takePayload(Workers.Task task) throws IOException {
    try {
      in.readFully(task.payload());
    } catch (IOException | RuntimeException e) {
      task.cancel();
      throw e;
    }
  }
}
