package io.sluice.shell.osgi;

import io.sluice.shell.command.SluiceTool;
import io.sluice.shell.gogo.GogoCommands;
import io.sluice.shell.gogo.ShellTool;
import io.sluice.shell.tool.Services;
import io.sluice.shell.tool.Tool;
import io.sluice.shell.wire.Request;
import java.util.Map;
import org.apache.felix.service.command.CommandProcessor;
import org.osgi.framework.BundleContext;
import org.osgi.framework.ServiceReference;
import org.osgi.util.tracker.ServiceTracker;

/**
 * Waits for Gogo. Its service is tracked by name: an agent without Gogo, whose classes this bundle
 * then can't load, runs as well.
 */
final class GogoTracker extends ServiceTracker<Object, GogoCommands> {
  private static final String PROCESSOR = "org.apache.felix.service.command.CommandProcessor";

  private final SluiceTool sluice;
  private final Services services;
  private final Map<String, Tool> tools;

  GogoTracker(
      BundleContext context, SluiceTool sluice, Services services, Map<String, Tool> tools) {
    super(context, PROCESSOR, null);
    this.sluice = sluice;
    this.services = services;
    this.tools = tools;
  }

  @Override
  public GogoCommands addingService(ServiceReference<Object> reference) {
    if (context.getService(reference) instanceof CommandProcessor processor) {
      tools.put(Request.SHELL, new ShellTool(processor, sluice, services));
      return new GogoCommands(sluice, context);
    }
    return null;
  }

  @Override
  public void removedService(ServiceReference<Object> reference, GogoCommands commands) {
    tools.remove(Request.SHELL);
    commands.close();
    context.ungetService(reference);
  }
}
