package io.sluice.linux.testing;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;

/** Runs programs of the machine; the assumptions skip a test that needs what is not there. */
public final class Programs {
  private static final int SECONDS_MAX = 60;

  private Programs() {}

  /**
   * How a program ended.
   *
   * @param exit its exit status
   * @param output standard output and error
   */
  public record Result(int exit, String output) {}

  /** Runs a program to its end, in the C locale. */
  public static Result run(String... command) throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("LC_ALL", "C");
    Process process = builder.start();
    process.getOutputStream().close();
    String output = new String(process.getInputStream().readAllBytes(), UTF_8);
    try {
      if (!process.waitFor(SECONDS_MAX, TimeUnit.SECONDS)) {
        process.destroyForcibly();
        throw new IOException(Arrays.toString(command) + " did not end: " + output);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException(e);
    }
    return new Result(process.exitValue(), output.strip());
  }

  /** Runs a program that must succeed, and gives its output. */
  public static String succeed(String... command) throws IOException {
    Result result = run(command);
    if (result.exit() != 0) {
      throw new IOException(Arrays.toString(command) + ": " + result);
    }
    return result.output();
  }

  /** Skips the test unless the program is installed. */
  public static void assume(String program) {
    boolean found =
        Arrays.stream(System.getenv().getOrDefault("PATH", "").split(":", -1))
            .anyMatch(directory -> Files.isExecutable(Path.of(directory, program)));
    assumeTrue(found, program + " is not installed");
  }

  /** Skips the test unless it runs as root. */
  public static void assumeRoot() {
    boolean root = Files.isWritable(Path.of("/proc/sys/kernel/printk"));
    assumeTrue(root, "needs root, to mount and to make loop devices");
  }

  /** The space that a file takes, in bytes. */
  public static long allocatedBytes(Path file) throws IOException {
    return 512 * Long.parseLong(succeed("stat", "-L", "-c", "%b", file.toString()));
  }
}
