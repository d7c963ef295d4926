package io.sluice.shell.client;

import io.sluice.shell.wire.Frame;
import io.sluice.shell.wire.FrameChannel;
import io.sluice.shell.wire.FrameType;
import io.sluice.shell.wire.MalformedFrameException;
import io.sluice.shell.wire.Request;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.ConnectException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** A connection to the agent: sends one request and passes on what comes back. */
final class AgentLink implements AutoCloseable {
  private static final String SOCKET_NAME = "control.sock";

  private final SocketChannel channel;
  private final FrameChannel frames;
  private final Path directory;
  private final PrintStream out;
  private final PrintStream err;
  private final ProgressLine progress;
  private OutputStream file;

  private AgentLink(
      SocketChannel channel,
      Path directory,
      PrintStream out,
      PrintStream err,
      ProgressLine progress) {
    this.channel = channel;
    this.directory = directory;
    this.frames = new FrameChannel(channel);
    this.out = out;
    this.err = err;
    this.progress = progress;
  }

  /**
   * Connects to the agent that serves a run directory.
   *
   * @param directory the working directory
   * @throws NoAgentException if there is none
   * @throws IOException if there may be one, but it can't be reached
   */
  static AgentLink connect(
      Path runDirectory, Path directory, PrintStream out, PrintStream err, ProgressLine progress)
      throws IOException {
    Path socket = runDirectory.resolve(SOCKET_NAME);
    SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
    try {
      channel.connect(UnixDomainSocketAddress.of(socket));
      return new AgentLink(channel, directory, out, err, progress);
    } catch (ConnectException e) {
      channel.close();
      throw new NoAgentException(socket, "nobody listens");
    } catch (IOException e) {
      channel.close();
      if (Files.notExists(socket)) {
        throw new NoAgentException(socket, "no such socket");
      }
      throw new IOException("EACCES: " + socket + ": " + e.getMessage(), e);
    }
  }

  FrameChannel frames() {
    return frames;
  }

  /** Sends the request. */
  void request(Request request) throws IOException {
    frames.write(request);
  }

  /**
   * Passes on output until a frame comes that is not output.
   *
   * @param arguments the request's; only a file they name is ever written
   */
  Frame next(List<String> arguments) throws IOException {
    while (true) {
      Frame frame = frames.read(FrameChannel.OUTPUT_BYTES_MAX);
      if (frame == null) {
        throw new IOException("EIO: the agent closed the connection before it answered");
      }
      if (frame.type() == FrameType.PROGRESS) {
        progress.show(frame.text());
        continue;
      }
      progress.erase();
      switch (frame.type()) {
        case OUT -> pass(out, frame);
        case ERR -> {
          out.flush();
          pass(err, frame);
        }
        case FILE -> openFile(frame.text(), arguments);
        case FILE_DATA -> writeFile(frame);
        default -> {
          out.flush();
          closeFile();
          return frame;
        }
      }
    }
  }

  /** Passes on output to the end and returns the exit code. */
  int finish(List<String> arguments) throws IOException {
    Frame frame = next(arguments);
    if (frame.type() != FrameType.EXIT) {
      throw new MalformedFrameException(
          "EIO: " + frame.type() + " frame where an exit is expected");
    }
    return frame.number();
  }

  private static void pass(PrintStream stream, Frame frame) throws IOException {
    stream.write(frame.payload(), 0, frame.payload().length);
    stream.flush();
    if (stream.checkError()) {
      throw new IOException("EIO: the output can't be written to");
    }
  }

  private void openFile(String path, List<String> arguments) throws IOException {
    closeFile();
    boolean named = false;
    for (String argument : arguments) {
      named |= !path.isEmpty() && argument.endsWith(path);
    }
    if (!named) {
      throw new IOException("EPERM: the agent wants to write " + path + ", which was not named");
    }
    file = Files.newOutputStream(directory.resolve(path));
  }

  private void writeFile(Frame frame) throws IOException {
    if (file == null) {
      throw new MalformedFrameException("EIO: a file's bytes before its name");
    }
    file.write(frame.payload());
  }

  private void closeFile() throws IOException {
    if (file != null) {
      file.close();
      file = null;
    }
  }

  @Override
  public void close() throws IOException {
    closeFile();
    channel.close();
  }
}
