package io.sluice.shell.osgi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.jr.ob.JSON;
import io.sluice.export.Exporter;
import io.sluice.filter.DeviceTable;
import io.sluice.filter.FilterRegistry;
import io.sluice.shell.FakeAgent;
import io.sluice.shell.Output;
import io.sluice.shell.client.SluiceClient;
import io.sluice.shell.command.SluiceTool;
import io.sluice.shell.tool.Session;
import io.sluice.shell.tool.Tool;
import io.sluice.shell.wire.Frame;
import io.sluice.shell.wire.FrameChannel;
import io.sluice.shell.wire.FrameType;
import io.sluice.shell.wire.Request;
import io.sluice.snapshot.ChangeTracking;
import io.sluice.snapshot.SnapshotControl;
import io.sluice.swap.BundleSwap;
import io.sluice.swap.SwapReport;
import java.io.ByteArrayInputStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.FrameworkEvent;
import org.osgi.framework.ServiceRegistration;
import org.osgi.framework.launch.Framework;
import picocli.CommandLine;

/** The bundle in Felix, with Gogo, driven by the real client. */
@Timeout(120)
class FrameworkTest {
  @TempDir Path directory;

  private final FakeAgent agent = new FakeAgent();
  private final List<ServiceRegistration<?>> registrations = new ArrayList<>();
  private Framework framework;
  private Bundle shell;
  private Output output;

  @AfterEach
  void stop() throws Exception {
    if (framework != null) {
      framework.stop();
      framework.waitForStop(60_000);
    }
  }

  private void start(boolean withGogo) throws Exception {
    framework =
        new org.apache.felix.framework.FrameworkFactory()
            .newFramework(
                Map.of(
                    Constants.FRAMEWORK_STORAGE,
                    directory.resolve("storage").toString(),
                    // The API comes from the test's class path, so that its services can be given.
                    Constants.FRAMEWORK_SYSTEMPACKAGES_EXTRA,
                    "io.sluice.block;version=1.0.0,io.sluice.export;version=1.0.0,"
                        + "io.sluice.filter;version=1.0.0,io.sluice.snapshot;version=1.0.0,"
                        + "io.sluice.swap;version=1.0.0",
                    "sluice.run.dir",
                    run().toString(),
                    "sluice.version",
                    "0.1.0"));
    framework.start();
    install(CommandLine.class).start();
    install(com.fasterxml.jackson.core.JsonFactory.class).start();
    install(com.fasterxml.jackson.jr.ob.JSON.class).start();
    if (withGogo) {
      install(org.apache.felix.service.command.CommandProcessor.class).start();
      install(Class.forName("org.apache.felix.gogo.command.Basic")).start();
    }
    shell = install(Tool.class);
    shell.start();
  }

  private Bundle install(Class<?> any) throws Exception {
    String at = any.getProtectionDomain().getCodeSource().getLocation().toString();
    BundleContext context = framework.getBundleContext();
    return context.installBundle(at.endsWith("/") ? "reference:" + at : at);
  }

  private void registerServices() {
    register(DeviceTable.class, agent.devices);
    register(FilterRegistry.class, agent.filters);
    register(SnapshotControl.class, agent.snapshots);
    register(ChangeTracking.class, agent.snapshots);
    register(Exporter.class, agent.exporters.get(0));
  }

  private <T> void register(Class<T> type, T service) {
    registrations.add(framework.getBundleContext().registerService(type, service, null));
  }

  private Path run() {
    return directory.resolve("run");
  }

  private int sluice(String input, String... words) {
    output = new Output();
    return new SluiceClient(
            Map.of("SLUICE_RUN", run().toString()),
            directory,
            new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)),
            output.out,
            output.err,
            () -> false)
        .run(List.of(words));
  }

  private String ok(String... words) {
    assertEquals(0, sluice("", words), () -> List.of(words) + ": " + output.error());
    return output.text();
  }

  @Test
  void servicesAreLookedUpAtEachCall() throws Exception {
    start(false);
    assertEquals(1, sluice("", "device", "list"));
    assertEquals(
        "sluice: device list: ENODEV: no table of devices: the bundle filter-registry is not"
            + " running; start it\n",
        output.error());
    assertEquals(1, sluice("", "snapshot", "list"));
    assertTrue(output.error().contains("snapshot-bundle is not running"), output.error());
    registerServices();
    ok("device", "add", "disk", "disk.img");
    assertEquals("[]\n", ok("--json", "snapshot", "list"));
    registrations.forEach(ServiceRegistration::unregister);
    assertEquals(1, sluice("", "device", "list"));
  }

  @Test
  void anAgentWithoutGogoServesCommandsAndHasNoShell() throws Exception {
    start(false);
    assertEquals("sluice 0.1.0\n", ok("version"));
    assertEquals(1, sluice("", "shell"));
    assertTrue(output.error().contains("no shell"), output.error());
  }

  @Test
  void versionTellsTheFacts() throws Exception {
    start(false);
    Map<String, Object> facts = JSON.std.mapFrom(ok("version", "--json"));
    assertEquals("0.1.0", facts.get("version"));
    assertEquals(System.getProperty("java.version"), facts.get("java_version"));
    assertEquals("org.apache.felix.framework", facts.get("framework"));
    assertEquals("7.0.5", facts.get("framework_version"));
    assertEquals(ProcessHandle.current().pid(), ((Number) facts.get("pid")).longValue());
  }

  @Test
  void bundlesAreListedStoppedStartedInstalledUpdatedAndUninstalled() throws Exception {
    start(true);
    String name = "org.apache.felix.gogo.command";
    Path jar = directory.resolve("command.jar");
    Files.copy(
        Path.of(
            Class.forName("org.apache.felix.gogo.command.Basic")
                .getProtectionDomain()
                .getCodeSource()
                .getLocation()
                .toURI()),
        jar);
    assertEquals(1, sluice("", "bundle", "stop", "none"));
    assertTrue(output.error().contains(": ENOENT: bundle \"none\""), output.error());
    assertTrue(ok("bundles").contains("  active      1  0.1.0    io.sluice.shell\n"));
    assertEquals("active", state(name));
    ok("bundle", "stop", name);
    assertEquals("resolved", state(name));
    ok("bundle", "start", name);
    assertEquals("active", state(name));
    assertEquals(1, sluice("", "bundle", "install", "nothing.jar"));
    assertTrue(output.error().startsWith("sluice: bundle install: E"), output.error());
    assertEquals(1, sluice("", "bundle", "install", "command.jar"));
    assertTrue(output.error().contains(": EEXIST: "), output.error());
    String updated = ok("bundle", "update", name, "command.jar");
    assertTrue(updated.matches(name + " ([0-9.]+) -> \\1\n"), updated);
    assertEquals("active", state(name));
    registerSwap();
    updated = ok("bundle", "update", name, "command.jar");
    assertTrue(updated.matches(name + " ([0-9.]+) -> \\1, held 12.3 ms\n"), updated);
    assertTrue(output.error().isEmpty(), output.error());
    ok("bundle", "uninstall", name);
    assertFalse(ok("bundle", "list").contains(name), output.text());
    long id = Long.parseLong(ok("bundle", "install", "command.jar", "--start").strip());
    assertEquals(name, framework.getBundleContext().getBundle(id).getSymbolicName());
    assertEquals("active", state(name));
  }

  private void registerSwap() {
    register(
        BundleSwap.class,
        (id, content) -> {
          assertNotNull(content);
          return new SwapReport("", "", "", 12_345_678);
        });
  }

  private String state(String bundle) throws Exception {
    for (Object row : JSON.std.listFrom(ok("bundle", "list", "--json"))) {
      if (((Map<?, ?>) row).get("symbolic_name").equals(bundle)) {
        return String.valueOf(((Map<?, ?>) row).get("state"));
      }
    }
    return "absent";
  }

  @Test
  void theBundleThatAnswersMayStopItself() throws Exception {
    start(false);
    ok("bundle", "stop", "io.sluice.shell");
    assertEquals(Bundle.RESOLVED, shell.getState());
    assertEquals(3, sluice("", "version"));
    shell.start();
    assertEquals("sluice 0.1.0\n", ok("version"));
  }

  @Test
  void shutdownAnswersAndThenStopsTheFramework() throws Exception {
    start(false);
    assertEquals("", ok("shutdown"));
    assertEquals(FrameworkEvent.STOPPED, framework.waitForStop(60_000).getType());
    assertEquals(3, sluice("", "version"));
  }

  @Test
  void shellRunsLinesInOneGogoSession() throws Exception {
    start(true);
    registerServices();
    String lines =
        """
        device:add disk images/disk.img
        device:list | grep disk
        device:list | grep -v -c disk
        x = $(device:list)
        $x data | head -n 1
        echo $.context.none a
        snapshot:take disk --store file:diff --name n
        device:add disk b
        device:add
        no:such
        snapshot:wait-event n --timeout 1
        sluice:stats disk | grep -i DISK
        felix:help device:add
        """;
    assertEquals(0, sluice(lines, "shell"), () -> output.error());
    String text = output.text();
    String path = directory.resolve("images/disk.img").toString();
    assertTrue(text.startsWith("disk   64M    512  no  -              0  " + path + "\n1\n"), text);
    assertTrue(text.contains("Open an origin and publish its live device"), text);
    assertTrue(text.contains("\ndisk        3    4K"), text);
    assertEquals(
        directory.resolve("diff").toString(), agent.snapshots.requests.get(0).storeArgument());
    String error = output.error();
    assertTrue(error.contains("sluice: EEXIST: device disk: the name is taken\n"), error);
    assertTrue(error.contains("sluice: device add: Missing required parameters"), error);
    assertTrue(error.contains("sluice: ETIMEDOUT: no event"), error);
    assertTrue(error.contains("no:such"), error);
  }

  @Test
  void shellEndsWithTheStatusOfItsLastLine() throws Exception {
    start(true);
    assertEquals(1, sluice("echo a\nno:such\n", "shell"));
    assertEquals(0, sluice("no:such\necho a\n", "shell"));
    assertEquals("a\n", output.text());
    assertEquals(1, sluice("no:such\nexit\necho a\n", "shell"));
    assertEquals("", output.text());
  }

  @Test
  void gogoHasEveryCommandOfTheCommandLine() throws Exception {
    start(true);
    Set<String> expected = new TreeSet<>();
    Session nobody = new Session(directory, 0, System.out, System.err, null);
    new SluiceTool(agent)
        .newCommandLine(nobody)
        .getSubcommands()
        .forEach(
            (name, line) -> {
              if (line.getSubcommands().isEmpty()) {
                expected.add("sluice:" + name);
              }
              line.getSubcommands().keySet().forEach(sub -> expected.add(name + ":" + sub));
            });
    expected.remove("sluice:bundles");
    Set<String> published = new TreeSet<>(complete(""));
    published.removeIf(name -> name.matches("(felix|osgi|text):.*"));
    published.remove("snapshot:waitevent");
    published.removeIf(name -> !name.contains(":"));
    assertEquals(expected, published);
  }

  @Test
  void completionKnowsCommandsOptionsAndNames() throws Exception {
    start(true);
    registerServices();
    ok("device", "add", "disk", "disk.img");
    ok("snapshot", "take", "disk", "--store", "dir:.", "--name", "n");
    assertTrue(complete("device:l").contains("device:list"));
    assertEquals(List.of("disk"), complete("device:info d"));
    assertEquals(List.of("--block-size"), complete("device:add --b"));
    assertEquals(List.of("n"), complete("snapshot:destroy "));
    assertEquals(List.of("disk@n"), complete("device:list | grep x; export:nbd disk@"));
    assertEquals(List.of("trace"), complete("filter:attach disk t"));
    assertEquals(List.of(), complete("no:such x"));
  }

  private List<String> complete(String text) throws Exception {
    try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
      channel.connect(UnixDomainSocketAddress.of(run().resolve("control.sock")));
      FrameChannel frames = new FrameChannel(channel);
      frames.write(new Request(Request.SHELL, 0, directory.toString(), List.of()));
      assertEquals(FrameType.READY, frames.read(FrameChannel.OUTPUT_BYTES_MAX).type());
      frames.write(FrameType.COMPLETE, text);
      Frame answer = frames.read(FrameChannel.OUTPUT_BYTES_MAX);
      assertEquals(FrameType.CANDIDATES, answer.type());
      return answer.text().lines().toList();
    }
  }
}
