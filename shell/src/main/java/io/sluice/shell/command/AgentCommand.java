package io.sluice.shell.command;

import io.sluice.shell.tool.Names;
import io.sluice.shell.tool.Services;
import io.sluice.shell.tool.Session;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

/** One command: its options are fields that picocli fills, and it lives for one call. */
abstract class AgentCommand {
  private Services services;
  private Session session;
  private CommandLine line;

  /** Does the command's work and returns what it found out; output is the caller's matter. */
  abstract Answer run() throws Exception;

  final void bind(CommandLine line, Services services, Session session) {
    this.line = line;
    this.services = services;
    this.session = session;
  }

  final Services services() {
    return services;
  }

  final Session session() {
    return session;
  }

  /** What to throw if the arguments, each right by itself, make no command together. */
  final ParameterException usage(String text) {
    return new ParameterException(line, text);
  }

  final Names names() {
    return new Names(services, session);
  }
}
