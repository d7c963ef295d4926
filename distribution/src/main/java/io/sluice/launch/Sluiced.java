package io.sluice.launch;

import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.logging.Handler;
import java.util.logging.Logger;

/**
 * Starts the agent in the foreground and stays until it has stopped. {@code bin/sluiced} is what
 * people call.
 *
 * <p>Exit codes: 0 stopped in order, by a signal or by command; 1 could not start, or not stop in
 * time; 2 a wrong command line.
 */
public final class Sluiced {
  /** How long the bundles may take to stop: clients finish, snapshots and filters detach. */
  private static final Duration STOP_LIMIT = Duration.ofSeconds(30);

  /** System property: the name under which the log was started, to be given its place. */
  private static final String LOG_PROPERTY = "sluice.log";

  /** The exit code that the main thread has decided on, or -1 while it has not. */
  private static volatile int exitCode = -1;

  private Sluiced() {}

  /** Runs the agent; see {@link LaunchOptions#parse}. */
  public static void main(String... arguments) {
    if (arguments.length == 1 && arguments[0].equals("--version")) {
      System.out.println("sluiced " + version());
      return;
    }
    try {
      run(LaunchOptions.parse(arguments));
      exitCode = 0;
    } catch (LaunchOptions.UsageException e) {
      System.err.println("sluiced: " + e.getMessage());
      exitCode = 2;
    } catch (LaunchException e) {
      System.err.println("sluiced: " + e.getMessage());
      exitCode = 1;
    } catch (IOException e) {
      System.err.println("sluiced: EIO: " + Reasons.of(e));
      exitCode = 1;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      exitCode = 1;
    }
    // Other threads than daemons may be left, and the hook below stops what runs.
    System.exit(exitCode);
  }

  private static void run(LaunchOptions options)
      throws LaunchException, IOException, InterruptedException {
    Configuration configuration = Configuration.read(options, version());
    RunDirectory runDirectory = RunDirectory.hold(options.runDirectory());
    String log = System.getProperty(LOG_PROPERTY);
    if (log != null) {
      runDirectory.adoptLog(Path.of(log));
    }
    keepStandardError();
    useUnpackedJna(options.home());
    Agent agent = new Agent(configuration, options.home().resolve("bundles"));
    Runtime.getRuntime()
        .addShutdownHook(new Thread(() -> shutDown(agent, runDirectory), "sluice-shutdown"));
    agent.start();
    reportReady(options.readyDescriptor());
    while (agent.awaitStop()) {
      agent.start();
    }
  }

  /**
   * Makes the log's handlers, which take standard error as it is then. Gogo puts another in its
   * place, which leads to the client of a shell: what its commands log would go there.
   */
  private static void keepStandardError() {
    for (Handler handler : Logger.getLogger("").getHandlers()) {
      handler.flush();
    }
  }

  /** Runs on every way out: a signal, the end of the framework, a failed start. */
  private static void shutDown(Agent agent, RunDirectory runDirectory) {
    boolean orderly = agent.stop(STOP_LIMIT);
    if (!orderly) {
      System.err.println("sluiced: not stopped after " + STOP_LIMIT.toSeconds() + " s; giving up");
    }
    try {
      runDirectory.close();
    } catch (IOException e) {
      System.err.println("sluiced: run directory " + runDirectory.path() + ": " + Reasons.of(e));
    }
    int decided = exitCode;
    // The platform's own exit code after a signal is 128 + its number, which tells a supervisor
    // that the agent was killed. It was not.
    Runtime.getRuntime().halt(orderly ? Math.max(decided, 0) : 1);
  }

  /**
   * Points JNA to its native part in the distribution. It would else unpack it at each start, into
   * a directory that may be mounted noexec. Platforms that the distribution has none for still do.
   */
  private static void useUnpackedJna(Path home) {
    String architecture = System.getProperty("os.arch");
    Path directory =
        home.resolve("lib/native/com/sun/jna")
            .resolve("linux-" + (architecture.equals("amd64") ? "x86-64" : architecture));
    if (Files.isDirectory(directory) && System.getProperty("jna.boot.library.path") == null) {
      System.setProperty("jna.boot.library.path", directory.toString());
    }
  }

  private static void reportReady(int descriptor) throws IOException {
    if (descriptor >= 0) {
      try (FileOutputStream stream = new FileOutputStream("/proc/self/fd/" + descriptor)) {
        stream.write("ready\n".getBytes(StandardCharsets.US_ASCII));
      }
    }
  }

  private static String version() {
    String version = Sluiced.class.getPackage().getImplementationVersion();
    return version == null ? "development" : version;
  }
}
