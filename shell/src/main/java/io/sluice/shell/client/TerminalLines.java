package io.sluice.shell.client;

import io.sluice.shell.wire.Frame;
import io.sluice.shell.wire.FrameType;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.util.List;
import org.jline.reader.Candidate;
import org.jline.reader.EndOfFileException;
import org.jline.reader.LineReader;
import org.jline.reader.LineReaderBuilder;
import org.jline.reader.ParsedLine;
import org.jline.reader.UserInterruptException;
import org.jline.reader.impl.DefaultParser;
import org.jline.terminal.Terminal;
import org.jline.terminal.TerminalBuilder;

/** Lines edited on a terminal. The only class that needs JLine. */
final class TerminalLines implements ShellClient.Lines {
  private static final String PROMPT = "sluice> ";

  private final AgentLink agent;
  private final PrintStream out;
  private final Terminal terminal;
  private final LineReader reader;

  private TerminalLines(AgentLink agent, PrintStream out, Terminal terminal) {
    this.agent = agent;
    this.out = out;
    this.terminal = terminal;
    DefaultParser parser = new DefaultParser();
    // Quotes and backslashes are Gogo's to judge.
    parser.setEscapeChars(null);
    parser.setQuoteChars(new char[0]);
    reader =
        LineReaderBuilder.builder()
            .terminal(terminal)
            .parser(parser)
            .completer((r, line, candidates) -> complete(line, candidates))
            .option(LineReader.Option.DISABLE_EVENT_EXPANSION, true)
            .build();
    // While a command runs, Ctrl-C ends what it waits for, not the shell.
    terminal.handle(Terminal.Signal.INT, signal -> interrupt());
  }

  static TerminalLines open(AgentLink agent, PrintStream out) throws IOException {
    return new TerminalLines(agent, out, TerminalBuilder.builder().system(true).build());
  }

  private void interrupt() {
    try {
      agent.frames().write(FrameType.INTERRUPT, "");
    } catch (IOException e) {
      out.println("EIO: the agent has gone");
    }
  }

  private void complete(ParsedLine line, List<Candidate> candidates) {
    try {
      agent.frames().write(FrameType.COMPLETE, line.line().substring(0, line.cursor()));
      Frame frame = agent.next(List.of());
      if (frame.type() == FrameType.CANDIDATES) {
        frame.text().lines().forEach(text -> candidates.add(new Candidate(text)));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public String next() throws IOException {
    while (true) {
      try {
        return reader.readLine(PROMPT);
      } catch (UserInterruptException e) {
        // Ctrl-C at the prompt: a new line.
      } catch (EndOfFileException e) {
        return null;
      }
    }
  }

  @Override
  public void close() throws IOException {
    terminal.close();
  }
}
