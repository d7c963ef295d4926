package io.sluice.launch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ConfigurationTest {
  @TempDir Path directory;

  private Configuration read(String text, Map<String, String> overrides)
      throws IOException, LaunchException {
    Path file = Files.writeString(directory.resolve("sluice.properties"), text);
    Path home = Path.of("/opt/sl$uice");
    Path run = Path.of("/run/sluice");
    return Configuration.read(
        new LaunchOptions(home, run, run.resolve("state"), file, overrides, -1), "1.2.3");
  }

  private String refusal(String text) {
    return assertThrows(LaunchException.class, () -> read(text, Map.of())).getMessage();
  }

  @Test
  void expandsVariables() throws IOException, LaunchException {
    Map<String, String> properties =
        read("where = ${sluice.home}/x:${sluice.run.dir}/${sluice.version}", Map.of())
            .frameworkProperties();
    assertEquals("/opt/sl$uice/x:/run/sluice/1.2.3", properties.get("where"));
    assertEquals("/opt/sl$uice", properties.get("sluice.home"));
    assertEquals("/run/sluice", properties.get("sluice.run.dir"));
    assertEquals("1.2.3", properties.get("sluice.version"));
  }

  @Test
  void commandLineGoesBeforeTheFile() throws IOException, LaunchException {
    Configuration configuration = read("a = file\nb = file", Map.of("a", "line"));
    assertEquals("line", configuration.frameworkProperties().get("a"));
    assertEquals("file", configuration.frameworkProperties().get("b"));
  }

  @Test
  void refusesAnUnknownVariableAndNamesTheKnownOnes() {
    String message = refusal("a = ${nothing}");
    assertTrue(message.startsWith("EINVAL: a=${nothing}"), message);
    assertTrue(message.contains("sluice.home"), message);
  }

  @Test
  void refusesToBeToldWhatItSetsItself() {
    String message = refusal("sluice.run.dir = /elsewhere");
    assertTrue(message.startsWith("EINVAL: sluice.run.dir"), message);
  }

  @Test
  void pluginsLieBesideTheBundlesUnlessToldOtherwise() throws IOException, LaunchException {
    String fileInstall = "felix.fileinstall.dir";
    assertEquals("/opt/sl$uice/plugins", read("", Map.of()).frameworkProperties().get(fileInstall));
    Map<String, String> given = Map.of("sluice.plugins.dir", "${sluice.run.dir}/drop");
    assertEquals("/run/sluice/drop", read("", given).frameworkProperties().get(fileInstall));
  }

  @ParameterizedTest
  @ValueSource(strings = {"plugins", "", "/a,/b"})
  void refusesAPluginsDirectoryThatFileInstallWouldTakeForAnother(String directory) {
    String message = refusal("sluice.plugins.dir = " + directory);
    assertTrue(message.startsWith("EINVAL: sluice.plugins.dir=" + directory), message);
  }

  @Test
  void refusesAMalformedFile() {
    String message = refusal("a = \\u12");
    assertTrue(message.contains("sluice.properties"), message);
  }

  @Test
  void namesAMissingFile() {
    LaunchOptions options =
        new LaunchOptions(
            directory,
            directory,
            directory.resolve("state"),
            directory.resolve("none"),
            Map.of(),
            -1);
    String message =
        assertThrows(LaunchException.class, () -> Configuration.read(options, "1")).getMessage();
    assertTrue(message.endsWith("/none: no such file or directory"), message);
  }

  @Test
  void givesStartLevels() throws IOException, LaunchException {
    Configuration configuration = read("sluice.level.a.b = 7", Map.of());
    assertEquals(7, configuration.startLevel("a.b"));
    assertEquals(Configuration.LEVEL_DEFAULT, configuration.startLevel("other"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "101", "high", ""})
  void refusesStartLevelsOutOfRange(String level) throws IOException, LaunchException {
    Configuration configuration = read("sluice.level.a.b = " + level, Map.of());
    String message =
        assertThrows(LaunchException.class, () -> configuration.startLevel("a.b")).getMessage();
    assertTrue(message.startsWith("EINVAL: sluice.level.a.b=" + level), message);
  }
}
