package io.sluice.shell.client;

import io.sluice.shell.wire.Request;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * The program {@code blksnap}: the tool of that name, served by the agent. The run directory is the
 * default one; the tool has no option for it.
 */
public final class BlksnapClient {
  private final Map<String, String> environment;
  private final Path directory;
  private final PrintStream out;
  private final PrintStream err;

  /**
   * @param environment the variables of the process
   * @param directory the working directory
   */
  public BlksnapClient(
      Map<String, String> environment, Path directory, PrintStream out, PrintStream err) {
    this.environment = environment;
    this.directory = directory.toAbsolutePath();
    this.out = out;
    this.err = err;
  }

  /** Runs the program and ends the process. */
  public static void main(String[] arguments) {
    BlksnapClient client =
        new BlksnapClient(
            System.getenv(),
            Path.of(""),
            SluiceClient.stream(java.io.FileDescriptor.out),
            SluiceClient.stream(java.io.FileDescriptor.err));
    System.exit(client.run(List.of(arguments)));
  }

  /** Runs the program and returns its exit code, 0 or 1. */
  public int run(List<String> arguments) {
    Request request = new Request(Request.BLKSNAP, 0, directory.toString(), arguments);
    String fault = request.fault();
    if (fault != null) {
      err.println("EINVAL: " + fault);
      return SluiceClient.EXIT_FAILED;
    }
    try (AgentLink agent =
        AgentLink.connect(
            RunDirectories.byDefault(environment),
            directory,
            out,
            err,
            new ProgressLine(err, () -> false))) {
      agent.request(request);
      return agent.finish(arguments);
    } catch (IOException e) {
      err.println(SluiceClient.message(e));
      return SluiceClient.EXIT_FAILED;
    }
  }
}
