package io.sluice.shell.control;

import io.sluice.block.Errno;
import io.sluice.shell.tool.ClientLink;
import io.sluice.shell.tool.Failures;
import io.sluice.shell.tool.Session;
import io.sluice.shell.tool.Tool;
import io.sluice.shell.wire.Frame;
import io.sluice.shell.wire.FrameChannel;
import io.sluice.shell.wire.FrameType;
import io.sluice.shell.wire.MalformedFrameException;
import io.sluice.shell.wire.Request;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * One client. A reader thread takes its frames and notices when it goes; a second thread runs what
 * it asked for. Nothing a client sends, or fails to read, costs more than these two and named
 * limits.
 */
final class Connection implements ClientLink {
  /** The most bytes of a line typed into the shell. */
  static final int LINE_BYTES_MAX = 16 * 1024;

  /** Lines that wait for the shell; a client that sends more waits itself. */
  private static final int MESSAGE_COUNT_MAX = 16;

  private static final System.Logger LOG = System.getLogger("io.sluice.shell");

  private final SocketChannel channel;
  private final FrameChannel frames;
  private final Map<String, Tool> tools;
  private final PeerCheck peerCheck;
  private final ClientLimits limits;
  private final ScheduledExecutorService watchdog;
  private final Consumer<Connection> onEnd;
  private final Thread reader;

  /** What the shell's client sent; an empty element says that it has gone. */
  private final BlockingQueue<Optional<Message>> messages =
      new LinkedBlockingQueue<>(MESSAGE_COUNT_MAX);

  private volatile Session session;
  private volatile Thread runner;

  Connection(
      SocketChannel channel,
      Map<String, Tool> tools,
      PeerCheck peerCheck,
      ClientLimits limits,
      ScheduledExecutorService watchdog,
      Consumer<Connection> onEnd) {
    this.channel = channel;
    this.frames = new FrameChannel(channel);
    this.tools = tools;
    this.peerCheck = peerCheck;
    this.limits = limits;
    this.watchdog = watchdog;
    this.onEnd = onEnd;
    reader = daemon(this::serve, "sluice-control-client");
  }

  static Thread daemon(Runnable task, String name) {
    Thread thread = new Thread(task, name);
    thread.setDaemon(true);
    return thread;
  }

  void start() {
    reader.start();
  }

  private void serve() {
    try {
      String refused = peerCheck.refused(channel);
      if (refused != null) {
        refuse(Errno.EPERM, "user " + refused + " may not; only " + peerCheck.allowed());
        return;
      }
      Request request = handshake();
      if (request != null) {
        begin(request);
        listen();
      }
    } catch (MalformedFrameException e) {
      refuse(Errno.EINVAL, "this is not Sluice's control protocol: " + e.getMessage());
    } catch (IOException e) {
      // The client has gone, or was let go for a limit; there is nobody to tell.
      LOG.log(System.Logger.Level.DEBUG, "control socket: a client ended", e);
    } finally {
      gone();
    }
  }

  /** The whole request, or null if the client went without one. */
  private Request handshake() throws IOException {
    ScheduledFuture<?> limit = closeAfter(limits.handshake().toMillis());
    try {
      Frame frame = frames.read(Request.BYTES_MAX);
      return frame == null ? null : Request.decode(frame);
    } finally {
      limit.cancel(false);
    }
  }

  private void begin(Request request) throws MalformedFrameException {
    Tool tool = tools.get(request.tool());
    Path directory = Path.of(request.directory());
    if (tool == null) {
      throw new MalformedFrameException(
          request.tool().equals(Request.SHELL)
              ? "no shell: the Gogo runtime is not running in the agent"
              : "no tool of this name");
    }
    if (!directory.isAbsolute()) {
      throw new MalformedFrameException("a working directory that is not absolute");
    }
    PrintStream out = print(FrameType.OUT);
    PrintStream err = print(FrameType.ERR);
    session = new Session(directory, Math.max(0, request.widthColumns()), out, err, this);
    runner = daemon(() -> run(tool, request), "sluice-control-" + request.tool());
    runner.start();
  }

  private PrintStream print(FrameType type) {
    return new PrintStream(new FrameOutput(this::send, type), false, StandardCharsets.UTF_8);
  }

  private void run(Tool tool, Request request) {
    try {
      int code = tool.run(session, request.arguments());
      session.out().flush();
      session.err().flush();
      frames.write(FrameType.EXIT, code);
    } catch (IOException e) {
      LOG.log(System.Logger.Level.DEBUG, "control socket: a client left before its answer", e);
    } catch (RuntimeException | Error e) {
      refuse(Failures.of(e).errno(), "internal error, see the agent's log");
    } finally {
      session.answered();
      closeChannel();
    }
  }

  /** Takes frames until the client goes; that is how a wait learns that nobody waits for it. */
  private void listen() throws IOException {
    Frame frame;
    while ((frame = frames.read(LINE_BYTES_MAX)) != null) {
      switch (frame.type()) {
        case INTERRUPT -> session.interrupt();
        case LINE, COMPLETE -> {
          boolean complete = frame.type() == FrameType.COMPLETE;
          offer(Optional.of(new Message(complete, frame.text())));
        }
        default -> throw new MalformedFrameException(frame.type() + " frame after the request");
      }
    }
  }

  private void offer(Optional<Message> message) throws IOException {
    try {
      while (!messages.offer(message, 1, TimeUnit.SECONDS)) {
        if (!channel.isOpen()) {
          throw new IOException("the connection is closed");
        }
      }
    } catch (InterruptedException e) {
      throw new IOException(e);
    }
  }

  private void gone() {
    hangUp();
    if (runner == null) {
      closeChannel();
    }
    onEnd.accept(this);
  }

  /** Ends waits, and tells a shell that no line will come. */
  void hangUp() {
    Session current = session;
    if (current != null) {
      current.hangUp();
      messages.clear();
      messages.offer(Optional.empty());
    }
  }

  /** Waits for the command to answer, until a moment of {@link System#nanoTime}; then lets go. */
  void finish(long deadlineNanos) {
    Thread running = runner;
    if (running == Thread.currentThread()) {
      return;
    }
    try {
      long millis = TimeUnit.NANOSECONDS.toMillis(deadlineNanos - System.nanoTime());
      if (running != null && millis > 0) {
        running.join(millis);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    closeChannel();
  }

  /** Says why, and lets the client go. */
  void refuse(Errno errno, String text) {
    ScheduledFuture<?> limit = closeAfter(limits.handshake().toMillis());
    try {
      frames.write(FrameType.ERR, "sluice: " + errno + ": " + Failures.oneLine(text) + "\n");
      frames.write(FrameType.EXIT, 1);
    } catch (IOException e) {
      LOG.log(System.Logger.Level.DEBUG, "control socket: a refused client had gone", e);
    } finally {
      limit.cancel(false);
      closeChannel();
    }
  }

  private void send(FrameType type, byte[] bytes, int length) throws IOException {
    ScheduledFuture<?> limit = closeAfter(limits.stall().toMillis());
    try {
      frames.write(type, bytes, 0, length);
    } finally {
      limit.cancel(false);
    }
  }

  private ScheduledFuture<?> closeAfter(long millis) {
    return watchdog.schedule(this::closeChannel, millis, TimeUnit.MILLISECONDS);
  }

  private void closeChannel() {
    try {
      channel.close();
    } catch (IOException e) {
      LOG.log(System.Logger.Level.DEBUG, "control socket: close failed", e);
    }
  }

  @Override
  public OutputStream openFile(String path) throws IOException {
    frames.write(FrameType.FILE, path);
    return new FrameOutput(this::send, FrameType.FILE_DATA);
  }

  @Override
  public Message nextMessage() throws IOException {
    try {
      return messages.take().orElse(null);
    } catch (InterruptedException e) {
      throw new IOException(e);
    }
  }

  @Override
  public void sendReady(int status) throws IOException {
    session.out().flush();
    session.err().flush();
    frames.write(FrameType.READY, status);
  }

  @Override
  public void sendProgress(String text) throws IOException {
    session.out().flush();
    session.err().flush();
    byte[] bytes = Failures.oneLine(text).getBytes(StandardCharsets.UTF_8);
    send(FrameType.PROGRESS, bytes, Math.min(bytes.length, FrameChannel.OUTPUT_BYTES_MAX));
  }

  @Override
  public void sendCandidates(List<String> candidates) throws IOException {
    StringBuilder text = new StringBuilder();
    for (String candidate : candidates) {
      // UTF-8 takes at most 3 bytes for a char.
      if ((text.length() + candidate.length() + 1) * 3 > FrameChannel.OUTPUT_BYTES_MAX) {
        break;
      }
      text.append(candidate).append('\n');
    }
    frames.write(FrameType.CANDIDATES, text.toString());
  }
}
