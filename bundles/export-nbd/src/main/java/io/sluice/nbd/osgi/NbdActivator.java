package io.sluice.nbd.osgi;

import io.sluice.export.Exporter;
import io.sluice.nbd.server.ExportTable;
import io.sluice.nbd.server.NbdConfiguration;
import io.sluice.nbd.server.NbdExporter;
import io.sluice.nbd.server.NbdServer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.osgi.annotation.bundle.Header;
import org.osgi.framework.BundleActivator;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.ServiceRegistration;

/** Serves devices from the bundle's start to its stop. */
@Header(name = Constants.BUNDLE_ACTIVATOR, value = "${@class}")
public final class NbdActivator implements BundleActivator {
  private static final String RUN_DIR_PROPERTY = "sluice.run.dir";
  private static final String TCP_PROPERTY = "sluice.nbd.tcp";
  private static final String ALLOW_REMOTE_PROPERTY = "sluice.nbd.allow-remote";

  private NbdServer server;
  private DeviceTracker devices;
  private ServiceRegistration<Exporter> registration;

  @Override
  public void start(BundleContext context) throws Exception {
    ExportTable table = new ExportTable();
    server = new NbdServer(table);
    server.listen(configuration(context));
    devices = new DeviceTracker(context, table, server);
    devices.open();
    registration =
        context.registerService(
            Exporter.class,
            new NbdExporter(table, server),
            FrameworkUtil.asDictionary(Map.of("sluice.export.kind", "nbd")));
  }

  @Override
  public void stop(BundleContext context) {
    registration.unregister();
    // All clients at once; with the devices first, each would be waited for in turn.
    server.close();
    devices.close();
  }

  private static NbdConfiguration configuration(BundleContext context) throws Exception {
    String runDirectory = context.getProperty(RUN_DIR_PROPERTY);
    String tcp = context.getProperty(TCP_PROPERTY);
    List<String> listeners =
        tcp == null
            ? List.of()
            : Arrays.stream(tcp.split(",")).map(String::trim).filter(s -> !s.isEmpty()).toList();
    return new NbdConfiguration(
        runDirectory == null ? null : socketIn(Path.of(runDirectory)),
        listeners,
        Boolean.parseBoolean(context.getProperty(ALLOW_REMOTE_PROPERTY)));
  }

  private static Path socketIn(Path runDirectory) throws Exception {
    Files.createDirectories(
        runDirectory,
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    return runDirectory.resolve("nbd.sock");
  }
}
