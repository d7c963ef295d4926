package io.sluice.shell.command;

import java.util.LinkedHashMap;
import java.util.Map;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.FrameworkUtil;
import picocli.CommandLine.Command;

/** {@code version}: what is running. */
@Command(
    name = "version",
    description = "Print the agent's version; with --json the facts of its JVM and framework too.")
final class VersionCommand extends AgentCommand {
  private static final String VERSION_PROPERTY = "sluice.version";

  @Override
  Answer run() throws Exception {
    BundleContext framework = services().framework();
    Bundle system = framework.getBundle();
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("version", version(framework));
    facts.put("pid", ProcessHandle.current().pid());
    facts.put("java_version", System.getProperty("java.version"));
    facts.put("java_vm", System.getProperty("java.vm.name"));
    facts.put("framework", system.getSymbolicName());
    facts.put("framework_version", system.getVersion().toString());
    facts.put("os", System.getProperty("os.name") + " " + System.getProperty("os.version"));
    facts.put("arch", System.getProperty("os.arch"));
    facts.put("cpus", Runtime.getRuntime().availableProcessors());
    facts.put("heap_max_bytes", Runtime.getRuntime().maxMemory());
    return Answer.line("sluice " + facts.get("version"), facts);
  }

  private static String version(BundleContext framework) {
    String configured = framework.getProperty(VERSION_PROPERTY);
    if (configured != null) {
      return configured;
    }
    Bundle shell = FrameworkUtil.getBundle(VersionCommand.class);
    return shell == null ? "unknown" : shell.getVersion().toString();
  }
}
