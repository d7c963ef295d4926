package io.sluice.shell.client;

import io.sluice.shell.wire.Frame;
import io.sluice.shell.wire.FrameType;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/**
 * {@code sluice shell}: lines go to a Gogo session in the agent, one at a time. On a terminal they
 * are edited, with completion by the agent; from a pipe they are read as they are.
 */
final class ShellClient {
  private final AgentLink agent;
  private final InputStream in;
  private final PrintStream out;
  private final Map<String, String> environment;

  ShellClient(AgentLink agent, InputStream in, PrintStream out, Map<String, String> environment) {
    this.agent = agent;
    this.in = in;
    this.out = out;
    this.environment = environment;
  }

  /** Where lines come from. */
  interface Lines extends AutoCloseable {
    /** The next line, or null at the end. */
    String next() throws IOException;

    @Override
    void close() throws IOException;
  }

  /** Runs the shell to its end; the exit code is the status of the last line. */
  int run() throws IOException {
    try (Lines lines = lines()) {
      while (true) {
        Frame frame = agent.next(List.of());
        if (frame.type() == FrameType.EXIT) {
          return frame.number();
        }
        int status = frame.number();
        String line = lines.next();
        if (line == null) {
          return status;
        }
        agent.frames().write(FrameType.LINE, line);
      }
    }
  }

  private Lines lines() throws IOException {
    if (in == System.in && ProgressLine.isTerminal(0) && !"dumb".equals(environment.get("TERM"))) {
      try {
        return TerminalLines.open(agent, out);
      } catch (NoClassDefFoundError e) {
        // JLine is not on the class path; plain lines do.
      }
    }
    BufferedReader reader = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8));
    return new Lines() {
      @Override
      public String next() throws IOException {
        return reader.readLine();
      }

      @Override
      public void close() {}
    };
  }
}
