package io.sluice.shell.osgi;

import io.sluice.shell.blksnap.BlksnapTool;
import io.sluice.shell.command.SluiceTool;
import io.sluice.shell.control.ControlSocket;
import io.sluice.shell.tool.Tool;
import io.sluice.shell.wire.Request;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.osgi.annotation.bundle.Header;
import org.osgi.framework.BundleActivator;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;

/**
 * Publishes the commands: over the control socket if the framework property {@code sluice.run.dir}
 * names a run directory, and in Gogo as soon as that is there.
 */
@Header(name = Constants.BUNDLE_ACTIVATOR, value = "${@class}")
public final class Activator implements BundleActivator {
  private static final String RUN_DIR_PROPERTY = "sluice.run.dir";
  private static final System.Logger LOG = System.getLogger("io.sluice.shell");

  /** By name; the shell comes and goes with Gogo. */
  private final Map<String, Tool> tools = new ConcurrentHashMap<>();

  private TrackedServices services;
  private ControlSocket socket;
  private GogoTracker gogo;

  @Override
  public void start(BundleContext context) throws Exception {
    services = new TrackedServices(context);
    try {
      SluiceTool sluice = new SluiceTool(services);
      tools.put(Request.SLUICE, sluice);
      tools.put(Request.BLKSNAP, new BlksnapTool(services));
      String runDirectory = context.getProperty(RUN_DIR_PROPERTY);
      if (runDirectory == null) {
        LOG.log(System.Logger.Level.INFO, "no control socket: {0} is not set", RUN_DIR_PROPERTY);
      } else {
        socket = ControlSocket.open(Path.of(runDirectory).toAbsolutePath(), tools);
      }
      gogo = new GogoTracker(context, sluice, services, tools);
      gogo.open();
    } catch (Exception e) {
      stop(context);
      throw e;
    }
  }

  @Override
  public void stop(BundleContext context) {
    if (gogo != null) {
      gogo.close();
      gogo = null;
    }
    if (socket != null) {
      socket.close();
      socket = null;
    }
    tools.clear();
    services.close();
  }
}
