package io.sluice.shell.client;

import io.sluice.shell.wire.Request;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;

/**
 * The program {@code sluice}: hands its arguments to the agent and passes on what comes back. It
 * uses the JDK alone and little of that, for most of its time would be its start.
 */
public final class SluiceClient {
  /** The command was refused or failed. */
  static final int EXIT_FAILED = 1;

  /** The arguments make no command. */
  static final int EXIT_USAGE = 2;

  /** No agent serves the run directory. */
  static final int EXIT_NO_AGENT = 3;

  private static final String USAGE =
      """
      Usage: sluice [--run-dir DIR] [--json] COMMAND [ARG ...]
             sluice [--run-dir DIR] shell
             sluice --version

      Controls the agent that serves the run directory DIR (default: $SLUICE_RUN, else
      /run/sluice for root, else $XDG_RUNTIME_DIR/sluice). The agent knows its commands:
        sluice help            the commands
        sluice help COMMAND    the usage of one

      Exit code: 0 done, 1 refused or failed, 2 usage, 3 no agent.
      """;

  private final Map<String, String> environment;
  private final Path directory;
  private final InputStream in;
  private final PrintStream out;
  private final PrintStream err;
  private final BooleanSupplier errIsTerminal;

  /**
   * @param environment the variables of the process
   * @param directory the working directory
   * @param errIsTerminal whether {@code err} is one, where progress is shown
   */
  public SluiceClient(
      Map<String, String> environment,
      Path directory,
      InputStream in,
      PrintStream out,
      PrintStream err,
      BooleanSupplier errIsTerminal) {
    this.environment = environment;
    this.directory = directory.toAbsolutePath();
    this.in = in;
    this.out = out;
    this.err = err;
    this.errIsTerminal = errIsTerminal;
  }

  /** Runs the program and ends the process. */
  public static void main(String[] arguments) {
    System.exit(ofProcess().run(List.of(arguments)));
  }

  static SluiceClient ofProcess() {
    return new SluiceClient(
        System.getenv(),
        Path.of(""),
        System.in,
        stream(FileDescriptor.out),
        stream(FileDescriptor.err),
        () -> ProgressLine.isTerminal(2));
  }

  /** Unbuffered, and bytes as they come: the agent has encoded them. */
  static PrintStream stream(FileDescriptor descriptor) {
    return new PrintStream(new FileOutputStream(descriptor), false, StandardCharsets.UTF_8);
  }

  /** Runs the program and returns its exit code. */
  public int run(List<String> arguments) {
    List<String> words = new ArrayList<>(arguments);
    String runDirectory = null;
    while (!words.isEmpty() && words.get(0).startsWith("--run-dir")) {
      String option = words.remove(0);
      if (option.startsWith("--run-dir=")) {
        runDirectory = option.substring("--run-dir=".length());
      } else if (option.equals("--run-dir") && !words.isEmpty()) {
        runDirectory = words.remove(0);
      } else {
        err.println("sluice: " + option + ": give --run-dir DIR; see \"sluice --help\"");
        return EXIT_USAGE;
      }
    }
    if (words.isEmpty()) {
      err.print(USAGE);
      return EXIT_USAGE;
    }
    switch (words.get(0)) {
      case "--help", "-h" -> {
        out.print(USAGE);
        return 0;
      }
      case "--version" -> {
        out.println("sluice " + SluiceClient.class.getPackage().getImplementationVersion());
        return 0;
      }
      default -> {
        return call(runDirectory, words);
      }
    }
  }

  private int call(String runDirectory, List<String> words) {
    String prefix = "sluice: " + command(words);
    try {
      Path run =
          runDirectory == null
              ? RunDirectories.byDefault(environment)
              : directory.resolve(runDirectory);
      boolean shell = words.get(0).equals("shell");
      Request request =
          new Request(shell ? Request.SHELL : Request.SLUICE, width(), directory.toString(), words);
      String fault = request.fault();
      if (fault != null) {
        err.println(prefix + "EINVAL: " + fault);
        return EXIT_USAGE;
      }
      ProgressLine progress = new ProgressLine(err, errIsTerminal);
      try (AgentLink agent = AgentLink.connect(run, directory, out, err, progress)) {
        agent.request(request);
        return shell ? new ShellClient(agent, in, out, environment).run() : agent.finish(words);
      }
    } catch (NoAgentException e) {
      err.println(prefix + e.getMessage());
      return EXIT_NO_AGENT;
    } catch (IOException e) {
      err.println(prefix + message(e));
      return EXIT_FAILED;
    }
  }

  /** The message with an errno's name in front; the JDK's own have none. */
  static String message(IOException e) {
    String text = String.valueOf(e.getMessage());
    int colon = text.indexOf(':');
    boolean named = colon > 1 && text.charAt(0) == 'E' && isUpper(text, colon);
    return named ? text : "EIO: " + (e.getMessage() == null ? e.toString() : text);
  }

  private static boolean isUpper(String text, int end) {
    for (int i = 0; i < end; i++) {
      char c = text.charAt(i);
      if ((c < 'A' || c > 'Z') && (c < '0' || c > '9')) {
        return false;
      }
    }
    return true;
  }

  /** The first two words, as far as they are no options, for the start of an error. */
  private static String command(List<String> words) {
    StringBuilder command = new StringBuilder();
    int count = 0;
    for (String word : words) {
      if (count < 2 && !word.startsWith("-")) {
        command.append(count++ == 0 ? "" : " ").append(word);
      }
    }
    return count == 0 ? "" : command.append(": ").toString();
  }

  private int width() {
    String columns = environment.get("COLUMNS");
    try {
      return columns == null ? 0 : Integer.parseInt(columns);
    } catch (NumberFormatException e) {
      return 0;
    }
  }
}
