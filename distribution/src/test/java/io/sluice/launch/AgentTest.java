package io.sluice.launch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.Bundle;

/** Runs the framework in this process, with small bundles made on the spot. */
class AgentTest {
  private static final Duration STOP_LIMIT = Duration.ofSeconds(20);

  @TempDir Path directory;
  private Path bundles;
  private List<String> events;

  @BeforeEach
  void prepare() throws IOException {
    bundles = Files.createDirectory(directory.resolve("bundles"));
    events = RecordingActivator.newEvents();
  }

  private void bundle(String name, Map<String, String> headers) throws IOException {
    Manifest manifest = new Manifest();
    Attributes attributes = manifest.getMainAttributes();
    attributes.put(Attributes.Name.MANIFEST_VERSION, "1.0");
    headers.forEach(attributes::putValue);
    String activator = RecordingActivator.class.getName().replace('.', '/') + ".class";
    try (OutputStream file = Files.newOutputStream(bundles.resolve(name + ".jar"));
        JarOutputStream jar = new JarOutputStream(file, manifest);
        InputStream code = getClass().getClassLoader().getResourceAsStream(activator)) {
      jar.putNextEntry(new JarEntry(activator));
      code.transferTo(jar);
    }
  }

  private static Map<String, String> recording(String symbolicName, String... more) {
    Map<String, String> headers = new HashMap<>();
    headers.put("Bundle-ManifestVersion", "2");
    headers.put("Bundle-SymbolicName", symbolicName);
    headers.put("Bundle-Activator", RecordingActivator.class.getName());
    headers.put("Import-Package", "org.osgi.framework");
    for (int i = 0; i < more.length; i += 2) {
      headers.put(more[i], more[i + 1]);
    }
    return headers;
  }

  private Agent agent(String configuration) throws IOException, LaunchException {
    Path file = Files.writeString(directory.resolve("sluice.properties"), configuration);
    LaunchOptions options =
        new LaunchOptions(
            directory, directory.resolve("run"), directory.resolve("state"), file, Map.of(), -1);

    return new Agent(Configuration.read(options, "test"), bundles);
  }

  private String refusal() throws IOException, LaunchException {
    Agent agent = agent("felix.log.level = 0");
    try {
      return assertThrows(LaunchException.class, agent::start).getMessage();
    } finally {
      agent.stop(STOP_LIMIT);
    }
  }

  @Test
  void startsByLevelAndStopsInReverse() throws Exception {
    bundle("1", recording("last"));
    bundle("2", recording("first"));
    bundle("3", recording("middle"));
    Agent agent = agent("sluice.level.first = 1\nsluice.level.last = 100\n");
    agent.start();
    assertEquals(List.of("start first", "start middle", "start last"), events);
    events.clear();
    assertTrue(agent.stop(STOP_LIMIT), "stopped in order");
    assertEquals(List.of("stop last", "stop middle", "stop first"), events);
    assertFalse(agent.awaitStop(), "not to be started again");
  }

  @Test
  void startsAnewAfterAnUpdateOfTheFramework() throws Exception {
    bundle("1", recording("one"));
    Agent agent = agent("");
    agent.start();
    ((Bundle) System.getProperties().get(RecordingActivator.FRAMEWORK)).update();
    assertTrue(agent.awaitStop(), "to be started again");
    agent.start();
    assertTrue(agent.stop(STOP_LIMIT), "stopped in order");
    assertEquals(List.of("start one", "stop one", "start one", "stop one"), events);
  }

  @Test
  void forgetsWhatAnEarlierAgentHad() throws Exception {
    bundle("1", recording("one"));
    bundle("2", recording("two"));
    Agent first = agent("");
    first.start();
    first.stop(STOP_LIMIT);
    Files.delete(bundles.resolve("2.jar"));
    Files.writeString(directory.resolve("run/framework/bundle1/bundle.info"), "garbage");
    events.clear();
    Agent second = agent("");
    second.start();
    second.stop(STOP_LIMIT);
    assertEquals(List.of("start one", "stop one"), events);
  }

  @Test
  void namesTheBundleWhoseActivatorThrows() throws Exception {
    bundle("1", recording("good"));
    bundle("2", recording("bad", "X-Failure", "no such thing"));
    String message = refusal();
    assertTrue(message.startsWith("bundle bad does not start: "), message);
    assertTrue(message.endsWith("java.lang.IllegalStateException: no such thing"), message);
    assertEquals(List.of("start good", "start bad", "stop good"), events);
  }

  @Test
  void namesEachBundleWithAMissingImport() throws Exception {
    bundle("1", recording("a", "Import-Package", "org.osgi.framework,missing.one"));
    bundle("2", recording("b", "Import-Package", "org.osgi.framework,missing.two"));
    String message = refusal();
    assertTrue(message.contains("bundle a does not start: "), message);
    assertTrue(message.contains("missing.one"), message);
    assertTrue(message.contains("bundle b does not start: "), message);
    assertTrue(message.contains("missing.two"), message);
  }

  @Test
  void refusesBundlesThatWouldNotKnowTheFrameworksPins() throws Exception {
    bundle("1", recording("pins.copy", "Export-Package", "io.sluice.pin;version=1.1"));
    bundle("2", recording("user", "Import-Package", "org.osgi.framework,io.sluice.pin"));
    String message = refusal();
    assertTrue(message.startsWith("EINVAL: bundles in use could be stopped: "), message);
    assertTrue(message.contains("pins.copy exports io.sluice.pin itself"), message);
    assertEquals(List.of(), events, "nothing was started");
  }

  @Test
  void bundlesGetThePinsFromTheFramework() throws Exception {
    bundle("1", recording("user", "Import-Package", "org.osgi.framework,io.sluice.pin"));
    Agent agent = agent("");
    agent.start();
    assertTrue(agent.stop(STOP_LIMIT), "stopped in order");
    assertEquals(List.of("start user", "stop user"), events);
  }

  @Test
  void fragmentsNeedNotBeActive() throws Exception {
    bundle("1", recording("host"));
    Map<String, String> fragment = recording("fragment", "Fragment-Host", "host");
    fragment.remove("Bundle-Activator");
    bundle("2", fragment);
    Agent agent = agent("");
    agent.start();
    assertTrue(agent.stop(STOP_LIMIT), "stopped in order");
    assertEquals(List.of("start host", "stop host"), events);
  }

  @Test
  void refusesAJarThatIsNoBundle() throws Exception {
    bundle("plain", Map.of());
    String message = refusal();
    assertTrue(message.startsWith("EINVAL: " + bundles.resolve("plain.jar")), message);
  }

  @Test
  void refusesAFileThatIsNoJar() throws Exception {
    Files.writeString(bundles.resolve("text.jar"), "text");
    assertTrue(refusal().contains("text.jar"), refusal());
  }

  @Test
  void refusesAnEmptyDirectory() throws Exception {
    assertEquals("ENOENT: bundle directory " + bundles + ": has no *.jar", refusal());
  }

  @Test
  void refusesAMissingDirectory() throws Exception {
    Files.delete(bundles);
    assertTrue(refusal().endsWith(bundles + ": no such file or directory"), refusal());
  }
}
