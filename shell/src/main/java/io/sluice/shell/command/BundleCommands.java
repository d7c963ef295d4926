package io.sluice.shell.command;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.shell.tool.Session;
import io.sluice.swap.BundleSwap;
import java.io.IOException;
import java.io.InputStream;
import java.net.MalformedURLException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleException;
import org.osgi.framework.Constants;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.startlevel.BundleStartLevel;
import org.osgi.framework.wiring.FrameworkWiring;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code bundle}: the agent's bundles. */
@Command(
    name = "bundle",
    description = "List, stop, start and update the agent's bundles.",
    subcommands = {
      BundleCommands.ListAll.class,
      BundleCommands.Stop.class,
      BundleCommands.Start.class,
      BundleCommands.Update.class,
      BundleCommands.Install.class,
      BundleCommands.Uninstall.class
    })
final class BundleCommands {
  private static final long REFRESH_WAIT_SECONDS = 60;
  private static final String BUNDLE = "A bundle's number, or its symbolic name.";

  /**
   * One bundle.
   *
   * @param id its number
   * @param state in lower case: installed, resolved, starting, active, stopping
   * @param startLevel 0 for the framework
   */
  record BundleRow(
      long id, String state, int startLevel, String version, String symbolicName, String location) {
    static BundleRow of(Bundle bundle) {
      BundleStartLevel level = bundle.adapt(BundleStartLevel.class);
      return new BundleRow(
          bundle.getBundleId(),
          stateOf(bundle),
          bundle.getBundleId() == Constants.SYSTEM_BUNDLE_ID || level == null
              ? 0
              : level.getStartLevel(),
          bundle.getVersion().toString(),
          String.valueOf(bundle.getSymbolicName()),
          bundle.getLocation());
    }
  }

  /**
   * A bundle that was updated.
   *
   * @param versionBefore what it was before
   * @param holdNanos how long bios and clients were held back
   */
  record UpdatedRow(
      long id,
      String state,
      int startLevel,
      String version,
      String symbolicName,
      String location,
      String versionBefore,
      long holdNanos) {
    static UpdatedRow of(Bundle bundle, String versionBefore, long holdNanos) {
      BundleRow row = BundleRow.of(bundle);
      return new UpdatedRow(
          row.id,
          row.state,
          row.startLevel,
          row.version,
          row.symbolicName,
          row.location,
          versionBefore,
          holdNanos);
    }

    String text() {
      String change = symbolicName + " " + versionBefore + " -> " + version;
      return holdNanos == 0
          ? change
          : change + String.format(Locale.ROOT, ", held %.1f ms", holdNanos / 1e6);
    }
  }

  private static final Table<BundleRow> TABLE =
      new Table<BundleRow>()
          .number("ID", BundleRow::id)
          .text("STATE", BundleRow::state)
          .number("LEVEL", BundleRow::startLevel)
          .text("VERSION", BundleRow::version)
          .text("NAME", BundleRow::symbolicName);

  private static String stateOf(Bundle bundle) {
    boolean fragment = bundle.getHeaders("").get(Constants.FRAGMENT_HOST) != null;
    return switch (bundle.getState()) {
      case Bundle.INSTALLED -> "installed";
      case Bundle.RESOLVED -> fragment ? "fragment" : "resolved";
      case Bundle.STARTING -> "starting";
      case Bundle.STOPPING -> "stopping";
      case Bundle.ACTIVE -> "active";
      default -> "uninstalled";
    };
  }

  private static Answer done(Bundle bundle) {
    return Answer.quiet(BundleRow.of(bundle));
  }

  /** A path of the caller's as a URL; a URL stays what it is. */
  private static String location(Session session, String word) throws ErrnoException {
    if (word.matches("[a-zA-Z][a-zA-Z0-9+.-]+:.*")) {
      return word;
    }
    try {
      return Path.of(session.path(word)).toUri().toURL().toString();
    } catch (MalformedURLException e) {
      throw new ErrnoException(Errno.EINVAL, "bundle \"" + word + "\": " + e.getMessage(), e);
    }
  }

  /** A command on one bundle that is there. */
  abstract static class OnBundle extends AgentCommand {
    @Parameters(index = "0", paramLabel = "BUNDLE", description = BUNDLE)
    String word;

    final Bundle bundle() throws ErrnoException {
      List<String> names = new ArrayList<>();
      List<Bundle> found = new ArrayList<>();
      for (Bundle bundle : services().framework().getBundles()) {
        names.add(bundle.getSymbolicName());
        if (word.equals(Long.toString(bundle.getBundleId()))
            || word.equals(bundle.getSymbolicName())) {
          found.add(bundle);
        }
      }
      if (found.size() != 1) {
        throw new ErrnoException(
            Errno.ENOENT,
            found.isEmpty()
                ? "bundle \"" + word + "\": there is none; there are " + names
                : "bundle \"" + word + "\": " + found.size() + " have this name; give the number");
      }
      return found.get(0);
    }
  }

  @Command(name = "list", description = "List the agent's bundles.")
  static class ListAll extends AgentCommand {
    @Override
    Answer run() throws Exception {
      List<BundleRow> rows =
          Arrays.stream(services().framework().getBundles()).map(BundleRow::of).toList();
      return Answer.table(rows, TABLE);
    }
  }

  /** {@code bundles}: the same under a shorter name. */
  @Command(name = "bundles", description = "The same as bundle list.")
  static final class Bundles extends ListAll {}

  @Command(
      name = "stop",
      description = "Stop a bundle; refused while a device uses what it provides.")
  static final class Stop extends OnBundle {
    @Override
    Answer run() throws Exception {
      Bundle bundle = bundle();
      bundle.stop();
      return done(bundle);
    }
  }

  @Command(name = "start", description = "Start a bundle.")
  static final class Start extends OnBundle {
    @Override
    Answer run() throws Exception {
      Bundle bundle = bundle();
      bundle.start();
      return done(bundle);
    }
  }

  @Command(
      name = "update",
      description = "Replace a bundle by a new version, while what it provides is in use.")
  static final class Update extends OnBundle {
    @Parameters(
        index = "1",
        arity = "0..1",
        paramLabel = "PATH|URL",
        description = "Where the new version lies; default where it came from.")
    String source;

    @Override
    Answer run() throws Exception {
      Bundle bundle = bundle();
      String before = bundle.getVersion().toString();
      try (InputStream in = source == null ? null : open(location(session(), source))) {
        Optional<BundleSwap> swap = swapOf(bundle);
        long holdNanos = 0;
        if (swap.isPresent()) {
          holdNanos = swap.get().swap(bundle.getBundleId(), in).holdNanos();
        } else if (in == null) {
          bundle.update();
        } else {
          bundle.update(in);
        }
        refresh(bundle);
        UpdatedRow row = UpdatedRow.of(bundle, before, holdNanos);
        return Answer.line(row.text(), row);
      }
    }

    /**
     * What replaces the bundle in use. Not for one that others import packages from, which takes
     * them along; nor for the one that replaces, nor for this one, which has to answer.
     */
    private Optional<BundleSwap> swapOf(Bundle bundle) throws ErrnoException {
      Optional<BundleSwap> swap = services().swap();
      boolean alone = wiring().getDependencyClosure(List.of(bundle)).size() == 1;
      return alone && !bundle.equals(FrameworkUtil.getBundle(BundleCommands.class))
          ? swap.filter(any -> !bundle.equals(FrameworkUtil.getBundle(any.getClass())))
          : Optional.empty();
    }

    private FrameworkWiring wiring() throws ErrnoException {
      return services().framework().getBundle().adapt(FrameworkWiring.class);
    }

    /** Lets those that used the old version use the new one, and waits until they do. */
    private void refresh(Bundle bundle) throws ErrnoException {
      FrameworkWiring wiring = wiring();
      Bundle shell = FrameworkUtil.getBundle(BundleCommands.class);
      if (wiring.getDependencyClosure(List.of(bundle)).contains(shell)) {
        // This bundle will be restarted as well; the answer goes first.
        session().afterAnswer(() -> wiring.refreshBundles(null));
        return;
      }
      CountDownLatch refreshed = new CountDownLatch(1);
      wiring.refreshBundles(null, event -> refreshed.countDown());
      session().await(() -> await(refreshed));
    }

    private static boolean await(CountDownLatch refreshed) throws ErrnoException {
      try {
        if (!refreshed.await(REFRESH_WAIT_SECONDS, TimeUnit.SECONDS)) {
          throw new ErrnoException(
              Errno.ETIMEDOUT,
              "the bundle is updated, but those that use it are not refreshed after "
                  + REFRESH_WAIT_SECONDS
                  + " s; see bundle list");
        }
        return true;
      } catch (InterruptedException e) {
        throw new ErrnoException(Errno.EINTR, "wait for the refresh: interrupted", e);
      }
    }

    private static InputStream open(String location) throws IOException {
      return new java.net.URL(location).openStream();
    }
  }

  @Command(name = "install", description = "Install a bundle.")
  static final class Install extends AgentCommand {
    @Parameters(paramLabel = "PATH|URL", description = "Where the bundle lies.")
    String source;

    @Option(names = "--start", description = "Start it as well.")
    boolean start;

    @Override
    Answer run() throws Exception {
      Bundle bundle = services().framework().installBundle(location(session(), source));
      if (start) {
        try {
          bundle.start();
        } catch (BundleException e) {
          // One step: nothing stays behind.
          bundle.uninstall();
          throw e;
        }
      }
      return Answer.line(Long.toString(bundle.getBundleId()), BundleRow.of(bundle));
    }
  }

  @Command(
      name = "uninstall",
      description = "Remove a bundle; refused while a device uses what it provides.")
  static final class Uninstall extends OnBundle {
    @Override
    Answer run() throws Exception {
      Bundle bundle = bundle();
      BundleRow row = BundleRow.of(bundle);
      bundle.uninstall();
      return Answer.quiet(row);
    }
  }
}
