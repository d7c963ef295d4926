package io.sluice.launch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.launch.LaunchOptions.UsageException;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LaunchOptionsTest {
  @Test
  void readsAllOptions() throws UsageException {
    LaunchOptions options =
        LaunchOptions.parse(
            "--home /opt/sluice --run-dir /run/sluice --conf /etc/s.properties --ready-fd 3"
                .concat(" --set a=b=c --set d=")
                .split(" "));
    assertEquals(Path.of("/opt/sluice"), options.home());
    assertEquals(Path.of("/run/sluice"), options.runDirectory());
    assertEquals(Path.of("/etc/s.properties"), options.configuration());
    assertEquals(3, options.readyDescriptor());
    assertEquals(Map.of("a", "b=c", "d", ""), options.overrides());
  }

  @Test
  void defaultsToTheConfigurationOfItsHome() throws UsageException {
    LaunchOptions options = LaunchOptions.parse("--home", "/opt/x/../s", "--run-dir", "r");
    assertEquals(Path.of("/opt/s/conf/sluice.properties"), options.configuration());
    assertTrue(options.runDirectory().isAbsolute(), "run directory is made absolute");
    assertEquals(-1, options.readyDescriptor());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--home /h",
        "--run-dir /r",
        "--home /h --run-dir",
        "--home /h --run-dir /r --bogus x",
        "--home /h --run-dir /r --set x",
        "--home /h --run-dir /r --set =x",
        "--home /h --run-dir /r --ready-fd -1",
        "--home /h --run-dir /r --ready-fd 1024",
        "--home /h --run-dir /r --ready-fd three"
      })
  void refusesWhatItDoesNotUnderstand(String line) {
    assertThrows(UsageException.class, () -> LaunchOptions.parse(line.split(" ")));
  }
}
