package io.sluice.nbd.session;

import io.sluice.block.BlockDevice;
import io.sluice.block.ErrnoException;
import io.sluice.nbd.codec.NbdLimits;
import io.sluice.nbd.codec.NbdProtocol;
import io.sluice.nbd.codec.Replies;
import io.sluice.nbd.codec.ReplyStyle;
import io.sluice.nbd.codec.Request;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.LongSupplier;

/**
 * The requests of one connection that other threads serve, so that a slow device sees its client's
 * queue depth. Everything is bounded; where a bound is met the connection's thread serves the
 * request itself. All but the tasks is used by that thread.
 */
final class Workers {
  /** Requests of one connection that are with other threads at the same time. */
  static final int TASKS_MAX = 16;

  /** The largest read or write that is handed over. */
  static final int PAYLOAD_MAX_BYTES = 1 << 20;

  /** Room in front of the data, which so stay page-aligned, for a header or an error reply. */
  private static final int HEAD_BYTES = BufferPool.ALIGNMENT_BYTES;

  /** Buffers for payloads are of these sizes; each has {@link #HEAD_BYTES} more. */
  private static final int[] SIZE_CLASSES_BYTES = {16 << 10, 128 << 10, PAYLOAD_MAX_BYTES};

  private final BlockDevice device;
  private final ReplyOutput out;
  private final ReplyStyle style;
  private final BufferPool pool;
  private final Executor executor;
  private final LongSupplier nanoClock;
  private final Runnable onBrokenOutput;
  private final ArrayDeque<Task> idle = new ArrayDeque<>();
  private int taskCount;

  /**
   * @param onBrokenOutput ends the connection, from any thread
   */
  Workers(
      BlockDevice device,
      ReplyOutput out,
      ReplyStyle style,
      SessionResources resources,
      Runnable onBrokenOutput) {
    this.device = device;
    this.out = out;
    this.style = style;
    this.pool = resources.workerBuffers();
    this.executor = resources.workers();
    this.nanoClock = resources.nanoClock();
    this.onBrokenOutput = onBrokenOutput;
  }

  /**
   * Gets ready to hand a request over.
   *
   * @return null if this connection, or the agent, has enough of them under way
   */
  Task tryPrepare(Request request) {
    long payloadBytes = payloadBytes(request);
    if (payloadBytes > PAYLOAD_MAX_BYTES) {
      return null;
    }
    Task task = tryTake();
    if (task == null) {
      return null;
    }
    task.buffer = pool.tryTake(HEAD_BYTES + classBytes(payloadBytes));
    if (task.buffer == null) {
      give(task);
      return null;
    }
    task.request.copy(request);
    return task;
  }

  /** Waits until no other thread is at work for this connection. */
  synchronized void awaitIdle() {
    boolean interrupted = false;
    while (idle.size() < taskCount) {
      try {
        wait();
      } catch (InterruptedException e) {
        // The buffers are in use until the device returns: there is no leaving early.
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private static long payloadBytes(Request request) {
    return switch (request.type()) {
      case NbdProtocol.CMD_READ, NbdProtocol.CMD_WRITE -> request.lengthBytes();
      default -> 0;
    };
  }

  private static int classBytes(long payloadBytes) {
    int i = 0;
    while (SIZE_CLASSES_BYTES[i] < payloadBytes) {
      i++;
    }
    return SIZE_CLASSES_BYTES[i];
  }

  private synchronized Task tryTake() {
    if (!idle.isEmpty()) {
      return idle.pop();
    }
    if (taskCount == TASKS_MAX) {
      return null;
    }
    taskCount++;
    return new Task();
  }

  private void give(Task task) {
    pool.give(task.buffer);
    task.buffer = null;
    synchronized (this) {
      idle.push(task);
      notifyAll();
    }
  }

  /** One request with another thread. */
  final class Task implements Runnable {
    private final Request request = new Request(style);
    private final DeviceCalls calls = new DeviceCalls(device, new LatencyGauge(), nanoClock);
    private ByteBuffer buffer;

    /** Where a write's payload goes, which is to be filled before {@link #start}. */
    ByteBuffer payload() {
      return buffer.limit(HEAD_BYTES + (int) payloadBytes(request)).position(HEAD_BYTES);
    }

    /** Has the request served, in this thread if no other is free. */
    void start() {
      try {
        executor.execute(this);
      } catch (RejectedExecutionException e) {
        run();
      }
    }

    /** Lets go of what {@link #tryPrepare} took, without serving the request. */
    void cancel() {
      give(this);
    }

    @Override
    public void run() {
      try {
        out.send(serve());
      } catch (IOException | RuntimeException | Error e) {
        onBrokenOutput.run();
      } finally {
        give(this);
      }
    }

    /** The whole reply, from position to limit. */
    private ByteBuffer serve() {
      ErrnoException failure =
          switch (request.type()) {
            case NbdProtocol.CMD_READ -> calls.read(request.offsetBytes(), payload());
            case NbdProtocol.CMD_WRITE ->
                calls.write(
                    request.offsetBytes(), payload(), request.has(NbdProtocol.CMD_FLAG_FUA));
            default -> calls.perform(request);
          };
      if (failure == null && request.type() == NbdProtocol.CMD_READ) {
        return readReply();
      }
      buffer.clear().limit(NbdLimits.ERROR_REPLY_MAX_BYTES);
      ReplyOutput.putAnswer(buffer, request, failure);
      return buffer.flip();
    }

    private ByteBuffer readReply() {
      int lengthBytes = (int) request.lengthBytes();
      int start = HEAD_BYTES - style.dataHeaderBytes();
      buffer.limit(HEAD_BYTES + lengthBytes).position(start);
      Replies.putDataHeader(
          buffer, request, NbdProtocol.REPLY_FLAG_DONE, request.offsetBytes(), lengthBytes);
      return buffer.position(start);
    }
  }
}
