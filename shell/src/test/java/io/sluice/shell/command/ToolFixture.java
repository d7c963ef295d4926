package io.sluice.shell.command;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.jr.ob.JSON;
import io.sluice.shell.FakeAgent;
import io.sluice.shell.FakeSnapshots;
import io.sluice.shell.Output;
import io.sluice.shell.tool.Session;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;

/** The commands on an agent that is none, in the caller's thread. */
abstract class ToolFixture {
  static final String ID = FakeSnapshots.id(1).toString();

  final FakeAgent agent = new FakeAgent();
  final SluiceTool tool = new SluiceTool(agent);
  Output output;

  @BeforeEach
  void addDevice() throws Exception {
    assertEquals("", ok("device", "add", "disk", "/data/disk.img"));
  }

  int run(String... words) throws Exception {
    output = new Output();
    Session session = new Session(Path.of("/home/me"), 0, output.out, output.err, null);
    return tool.run(session, List.of(words));
  }

  String ok(String... words) throws Exception {
    int code = run(words);
    assertEquals(0, code, () -> List.of(words) + " failed: " + output.error());
    assertEquals("", output.error());
    return output.text();
  }

  /** Runs a command that must fail, and returns its only line on standard error. */
  String fails(int code, String... words) throws Exception {
    assertEquals(code, run(words), () -> List.of(words) + " printed: " + output.text());
    assertEquals("", output.text());
    String error = output.error();
    assertTrue(error.endsWith("\n"), error);
    assertEquals(1, error.lines().count(), error);
    assertTrue(error.startsWith("sluice: "), error);
    return error.stripTrailing();
  }

  Map<String, Object> json(String... words) throws Exception {
    return JSON.std.mapFrom(ok(words));
  }
}
