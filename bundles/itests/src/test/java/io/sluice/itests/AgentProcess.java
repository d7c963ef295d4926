package io.sluice.itests;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Starts {@code bin/sluiced} of a distribution as a user does, in a run directory of its own. */
final class AgentProcess {
  /** How long a start or a stop may take on a machine that is busy with other things. */
  static final long LIMIT_SECONDS = 60;

  private final Path home;
  private final Path runDirectory;

  /**
   * What a program did.
   *
   * @param exitCode its exit code
   * @param output what it wrote, to standard output and standard error
   */
  record Result(int exitCode, String output) {}

  AgentProcess(Path home, Path runDirectory) {
    this.home = home;
    this.runDirectory = runDirectory;
  }

  /** Runs {@code bin/sluiced} to its end, which is when the agent is ready, or is not to be. */
  Result start(String... options) throws Exception {
    Process process = launch(options);
    return new Result(exitCode(process), output());
  }

  /** Starts {@code bin/sluiced} and does not wait. */
  Process launch(String... options) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(home.resolve("bin/sluiced").toString());
    command.add("--run-dir");
    command.add(runDirectory.toString());
    command.addAll(List.of(options));
    // Into a file: the agent must not keep a pipe of the test's open, nor wait for its reader.
    return new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(outputFile().toFile())
        .start();
  }

  static int exitCode(Process process) throws InterruptedException {
    boolean ended = process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS);
    if (!ended) {
      process.destroyForcibly();
    }
    assertTrue(ended, () -> "still running after " + LIMIT_SECONDS + " s: " + process.info());
    return process.exitValue();
  }

  /** The agent's process. */
  ProcessHandle agent() throws IOException {
    String pid = Files.readString(runDirectory.resolve("sluiced.pid")).strip();
    return ProcessHandle.of(Long.parseLong(pid))
        .orElseThrow(() -> new AssertionError("no process " + pid));
  }

  /** Sends the agent SIGTERM and waits for its end. */
  void stop() throws Exception {
    ProcessHandle agent = agent();
    agent.destroy();
    agent.onExit().get(LIMIT_SECONDS, TimeUnit.SECONDS);
  }

  /** Ends the agent without giving it a chance, and waits until it is gone. */
  void kill() throws Exception {
    ProcessHandle agent = agent();
    agent.destroyForcibly();
    agent.onExit().get(LIMIT_SECONDS, TimeUnit.SECONDS);
  }

  String output() throws IOException {
    return Files.readString(outputFile(), StandardCharsets.UTF_8);
  }

  private Path outputFile() {
    return runDirectory.resolveSibling("output");
  }
}
