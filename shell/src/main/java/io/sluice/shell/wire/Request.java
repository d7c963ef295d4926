package io.sluice.shell.wire;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * What a client asks the agent to run. Arguments travel as a list and never meet a parser of lines.
 *
 * @param tool which family of commands: {@link #SLUICE}, {@link #BLKSNAP} or {@link #SHELL}
 * @param widthColumns of the client's terminal, 0 for none
 * @param directory the client's working directory, absolute; relative paths start there
 * @param arguments what follows the program's name
 */
public record Request(String tool, int widthColumns, String directory, List<String> arguments) {
  /** The one-shot commands. */
  public static final String SLUICE = "sluice";

  /** The commands of the tool {@code blksnap}. */
  public static final String BLKSNAP = "blksnap";

  /** A shell: lines follow. */
  public static final String SHELL = "shell";

  /** The most bytes of an encoded request. */
  public static final int BYTES_MAX = 256 * 1024;

  /** The most arguments of a request. */
  public static final int ARGUMENT_COUNT_MAX = 4096;

  private static final int MAGIC = 0x534c4345;
  private static final int VERSION = 1;

  /** Copies the arguments. */
  public Request {
    arguments = List.copyOf(arguments);
  }

  /** The request as bytes; {@link #decode} turns them back. */
  byte[] encode() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      out.writeInt(MAGIC);
      out.writeInt(VERSION);
      out.writeInt(widthColumns);
      write(out, tool);
      write(out, directory);
      out.writeInt(arguments.size());
      for (String argument : arguments) {
        write(out, argument);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  private static void write(DataOutputStream out, String text) throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    out.writeInt(bytes.length);
    out.write(bytes);
  }

  /**
   * Checks the request against the limits before it is sent.
   *
   * @return what is wrong, or null
   */
  public String fault() {
    if (arguments.size() > ARGUMENT_COUNT_MAX) {
      return arguments.size() + " arguments, the limit is " + ARGUMENT_COUNT_MAX;
    }
    int length = encode().length;
    return length > BYTES_MAX
        ? "arguments of " + length + " bytes, the limit is " + BYTES_MAX
        : null;
  }

  /**
   * The request of a {@link FrameType#REQUEST} frame.
   *
   * @throws MalformedFrameException if it is none
   */
  public static Request decode(Frame frame) throws MalformedFrameException {
    if (frame.type() != FrameType.REQUEST) {
      throw new MalformedFrameException(frame.type() + " frame where a request is expected");
    }
    ByteBuffer in = ByteBuffer.wrap(frame.payload());
    try {
      if (in.getInt() != MAGIC) {
        throw new MalformedFrameException("request without the protocol's mark");
      }
      int version = in.getInt();
      if (version != VERSION) {
        throw new MalformedFrameException(
            "protocol version " + version + ", this agent speaks " + VERSION);
      }
      int widthColumns = in.getInt();
      String tool = text(in);
      String directory = text(in);
      int count = in.getInt();
      if (count < 0 || count > ARGUMENT_COUNT_MAX) {
        throw new MalformedFrameException(count + " arguments, the limit is " + ARGUMENT_COUNT_MAX);
      }
      List<String> arguments = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        arguments.add(text(in));
      }
      if (in.hasRemaining()) {
        throw new MalformedFrameException(in.remaining() + " bytes after the request's end");
      }
      return new Request(tool, widthColumns, directory, arguments);
    } catch (BufferUnderflowException e) {
      throw new MalformedFrameException("request that ends too early");
    }
  }

  private static String text(ByteBuffer in) throws MalformedFrameException {
    int length = in.getInt();
    if (length < 0 || length > in.remaining()) {
      throw new MalformedFrameException(
          "text of " + length + " bytes where " + in.remaining() + " are left");
    }
    byte[] bytes = new byte[length];
    in.get(bytes);
    return new String(bytes, StandardCharsets.UTF_8);
  }
}
