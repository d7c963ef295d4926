package io.sluice.shell.gogo;

import io.sluice.shell.command.SluiceTool;
import io.sluice.shell.command.UsageException;
import io.sluice.shell.tool.ClientLink;
import io.sluice.shell.tool.Failures;
import io.sluice.shell.tool.Services;
import io.sluice.shell.tool.Session;
import io.sluice.shell.tool.Tool;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Set;
import org.apache.felix.service.command.CommandProcessor;
import org.apache.felix.service.command.CommandSession;
import org.apache.felix.service.command.Converter;

/**
 * A shell on the control socket: each line the client sends is run in one Gogo session, so
 * variables and closures last from line to line. The status of a line is 0, or 1 if it failed.
 */
public final class ShellTool implements Tool {
  private static final Set<String> LEAVE = Set.of("exit", "quit", "logout");

  private final CommandProcessor processor;
  private final Completion completion;

  /** Shells of this Gogo. */
  public ShellTool(CommandProcessor processor, SluiceTool tool, Services services) {
    this.processor = processor;
    this.completion = new Completion(tool, services);
  }

  @Override
  public int run(Session session, List<String> arguments) throws IOException {
    ClientLink link = session.link();
    try (CommandSession gogo =
        processor.createSession(InputStream.nullInputStream(), session.out(), session.err())) {
      gogo.put(GogoCommands.CALLER, session);
      gogo.currentDir(session.directory());
      int status = 0;
      link.sendReady(status);
      ClientLink.Message message;
      while ((message = link.nextMessage()) != null) {
        if (message.complete()) {
          link.sendCandidates(completion.candidates(gogo, session, message.text()));
          continue;
        }
        if (LEAVE.contains(message.text().strip())) {
          return status;
        }
        status = execute(gogo, session, message.text());
        link.sendReady(status);
        session.answered();
      }
      return status;
    }
  }

  private static int execute(CommandSession gogo, Session session, String line) {
    try {
      Object result = gogo.execute(line);
      String text = result == null ? "" : gogo.format(result, Converter.INSPECT).toString();
      if (!text.isBlank()) {
        session.out().println(text.stripTrailing());
      }
      return 0;
    } catch (UsageException e) {
      session.err().println(e.getMessage());
    } catch (IOException e) {
      session.err().println("sluice: " + Failures.oneLine(Failures.of(e).getMessage()));
    } catch (Exception e) {
      // What Gogo itself says: an unknown command, a syntax error.
      session.err().println("sluice: " + Failures.oneLine(String.valueOf(e.getMessage())));
    }
    return 1;
  }
}
