package io.sluice.nbd.osgi;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.export.Exporter;
import io.sluice.nbd.server.Access;
import io.sluice.nbd.server.ConfiguredExports;
import io.sluice.nbd.server.ExportTable;
import io.sluice.nbd.server.NbdConfiguration;
import io.sluice.nbd.server.NbdExporter;
import io.sluice.nbd.server.NbdServer;
import io.sluice.nbd.server.NbdSwap;
import io.sluice.nbd.server.TlsPolicy;
import io.sluice.nbd.tls.TlsServer;
import io.sluice.swap.Swappable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.osgi.annotation.bundle.Header;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleActivator;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.FrameworkEvent;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.ServiceRegistration;

/** Serves devices from the bundle's start to its stop. */
@Header(name = Constants.BUNDLE_ACTIVATOR, value = "${@class}")
public final class NbdActivator implements BundleActivator {
  private static final String RUN_DIR_PROPERTY = "sluice.run.dir";
  private static final String UNIX_PROPERTY = "sluice.nbd.unix";
  private static final String INHERITED_PROPERTY = "sluice.nbd.inherited";
  private static final String TCP_PROPERTY = "sluice.nbd.tcp";
  private static final String ALLOW_PROPERTY = "sluice.nbd.allow";
  private static final String TLS_PROPERTY = "sluice.nbd.tls";
  private static final String TLS_DIRECTORY_PROPERTY = "sluice.nbd.tls.dir";
  private static final String TLS_VERIFY_PEER_PROPERTY = "sluice.nbd.tls.verify-peer";
  private static final String ALLOW_REMOTE_PROPERTY = "sluice.nbd.allow-remote";

  /**
   * A note to the bundle's next start in this process that its sockets are on their way: the
   * classes of this start are gone by then. Followed by the framework and the bundle.
   */
  private static final String HANDED_OVER_PROPERTY = "io.sluice.nbd.handed-over.";

  private NbdServer server;
  private NbdSwap swap;
  private ViewServices views;
  private ExportedDevices devices;
  private ExportConfigurations configurations;
  private ServiceRegistration<Exporter> registration;
  private ServiceRegistration<Swappable> swapRegistration;

  @Override
  public void start(BundleContext context) throws Exception {
    views = new ViewServices(context);
    views.open();
    ExportTable table = new ExportTable(views);
    Access access = new Access(context.getProperty(ALLOW_PROPERTY));
    NbdConfiguration configuration = configuration(context);
    ConfiguredExports configured = new ConfiguredExports(table, access);
    server = new NbdServer(table, access, tls(context));
    swap = new NbdSwap(table, configured, server, configuration);
    // Both before anybody comes in: who may, and to what.
    configurations = new ExportConfigurations(context, configured);
    configurations.open();
    devices = new ExportedDevices(context, configured, server);
    devices.open();
    try {
      admitOnceStarted(context);
      swap.start(System.clearProperty(noteKey(context)) != null);
    } catch (ErrnoException e) {
      configurations.close();
      server.close();
      devices.close();
      views.close();
      throw e;
    }
    swapRegistration = context.registerService(Swappable.class, swap, null);
    registration =
        context.registerService(
            Exporter.class,
            new NbdExporter(table, configured, access, server),
            FrameworkUtil.asDictionary(Map.of("sluice.export.kind", "nbd")));
  }

  /**
   * While the framework starts, other bundles may still be about to add devices: a client whose
   * coming started the agent must find them.
   */
  private void admitOnceStarted(BundleContext context) {
    server.letClientsWait();
    NbdServer started = server;
    context.addFrameworkListener(
        event -> {
          if (event.getType() == FrameworkEvent.STARTED) {
            started.admit();
          }
        });
    // Asked after the listener is there, so that the event is not missed.
    if (context.getBundle(Constants.SYSTEM_BUNDLE_ID).getState() == Bundle.ACTIVE) {
      started.admit();
    }
  }

  private static TlsServer tls(BundleContext context) throws ErrnoException {
    String directory = context.getProperty(TLS_DIRECTORY_PROPERTY);
    return directory == null
        ? null
        : new TlsServer(
            Path.of(directory),
            Boolean.parseBoolean(context.getProperty(TLS_VERIFY_PEER_PROPERTY)));
  }

  @Override
  public void stop(BundleContext context) {
    registration.unregister();
    swapRegistration.unregister();
    configurations.close();
    if (swap.handedOver()) {
      System.setProperty(noteKey(context), "true");
    }
    // All clients at once; with the devices first, each would be waited for in turn.
    server.close();
    devices.close();
    views.close();
  }

  private static String noteKey(BundleContext context) {
    return HANDED_OVER_PROPERTY
        + context.getProperty(Constants.FRAMEWORK_UUID)
        + "."
        + context.getBundle().getBundleId();
  }

  private static NbdConfiguration configuration(BundleContext context) throws Exception {
    String runDirectory = context.getProperty(RUN_DIR_PROPERTY);
    List<String> unix = new ArrayList<>();
    if (runDirectory != null) {
      unix.add(socketIn(Path.of(runDirectory)).toString());
    }
    if (Boolean.parseBoolean(context.getProperty(INHERITED_PROPERTY))) {
      unix.add(NbdConfiguration.INHERITED);
    }
    unix.addAll(list(context, UNIX_PROPERTY));
    return new NbdConfiguration(
        unix,
        list(context, TCP_PROPERTY),
        Boolean.parseBoolean(context.getProperty(ALLOW_REMOTE_PROPERTY)),
        tlsPolicy(context));
  }

  private static TlsPolicy tlsPolicy(BundleContext context) throws ErrnoException {
    String text = context.getProperty(TLS_PROPERTY);
    if (text == null) {
      return context.getProperty(TLS_DIRECTORY_PROPERTY) == null
          ? TlsPolicy.OFF
          : TlsPolicy.ALLOWED;
    }
    try {
      return TlsPolicy.valueOf(text.strip().toUpperCase(Locale.ROOT));
    } catch (IllegalArgumentException e) {
      throw new ErrnoException(
          Errno.EINVAL, TLS_PROPERTY + "=" + text + ": it must be off, allowed or required", e);
    }
  }

  private static List<String> list(BundleContext context, String key) {
    String text = context.getProperty(key);
    return text == null
        ? List.of()
        : Arrays.stream(text.split(",")).map(String::trim).filter(s -> !s.isEmpty()).toList();
  }

  private static Path socketIn(Path runDirectory) throws Exception {
    Files.createDirectories(
        runDirectory,
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    return runDirectory.resolve("nbd.sock");
  }
}
