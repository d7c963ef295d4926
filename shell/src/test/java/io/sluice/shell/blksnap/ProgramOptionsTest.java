package io.sluice.shell.blksnap;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.shell.FakeAgent;
import io.sluice.shell.Output;
import io.sluice.shell.blksnap.ProgramOptions.Unfit;
import io.sluice.shell.blksnap.ProgramOptions.Values;
import io.sluice.shell.tool.Session;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class ProgramOptionsTest {
  private final ProgramOptions options =
      new ProgramOptions()
          .many("device", 'd', "Devices.")
          .one("file", 'f', "A file.")
          .one("field", 'F', "A field.")
          .flag("json", 'j', "Json.");

  /** The commands with the options of the original; none of them has two that begin alike. */
  private final BlksnapTool tool = new BlksnapTool(new FakeAgent());

  private Values parse(String line) throws Unfit {
    return options.parse(line.isEmpty() ? List.of() : List.of(line.split(" ")));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--file a --device x y --json",
        "--file=a -d x y -j",
        "-f a -dx -d y -j",
        "-fa --dev x --d=y --js",
        "-j --fil a --device=x y"
      })
  void parse_takesEveryFormBoostTakes(String line) throws Exception {
    Values values = parse(line);
    assertEquals("a", values.one("file"));
    assertEquals(List.of("x", "y"), values.many("device"));
    assertTrue(values.has("json"));
  }

  @Test
  void parse_splitsLettersOfFlags() throws Exception {
    Values values = parse("-jfa");
    assertTrue(values.has("json"));
    assertEquals("a", values.one("file"));
    assertTrue(parse("-jh").has("help"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "--bogus|unrecognised option '--bogus'",
        "-x|unrecognised option '-x'",
        "--fi a|option '--fi' is ambiguous and matches '--file', and '--field'",
        "--file|the required argument for option '--file' is missing",
        "--file -j|the required argument for option '--file' is missing",
        "-f a -f b|option '--file' cannot be specified more than once",
        "--json=1|option '--json' does not take any arguments"
      })
  void parse_refusesInBoostsWords(String line, String message) {
    assertEquals(message, assertThrows(Unfit.class, () -> parse(line)).getMessage());
  }

  static List<String> recorded() throws IOException {
    return resource("options.txt").lines().filter(line -> !line.startsWith("#")).toList();
  }

  private static String resource(String name) throws IOException {
    try (InputStream in = ProgramOptionsTest.class.getResourceAsStream(name)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  @ParameterizedTest
  @MethodSource("recorded")
  void parse_findsWhatTheOriginalFinds(String line) {
    int arrow = line.indexOf(" => ");
    List<String> words = List.of(line.substring(0, arrow).split("\\|", -1));
    assertEquals(line.substring(arrow + 4), found(words.get(0), words.subList(1, words.size())));
  }

  private String found(String command, List<String> arguments) {
    try {
      Values values = tool.command(command).options().parse(arguments);
      if (values.has("help")) {
        return "help";
      }
      List<String> found = new ArrayList<>();
      for (String name :
          List.of("device", "field", "file", "id", "json", "limit", "ranges", "timeout")) {
        if (values.has(name)) {
          found.add(name + "=" + shown(command, name, values));
        }
      }
      return String.join(";", found);
    } catch (Unfit e) {
      return e.getMessage();
    }
  }

  private static String shown(String command, String name, Values values) throws Unfit {
    if (name.equals("json")) {
      return "[]";
    }
    boolean many =
        name.equals("ranges") || (command.equals("snapshot_create") && name.equals("device"));
    return many ? "{" + String.join("}{", values.many(name)) + "}" : "[" + values.one(name) + "]";
  }

  @Test
  void recorded_isWorthReading() throws Exception {
    assertTrue(recorded().size() > 400, recorded().size() + " calls");
    assertTrue(recorded().stream().filter(line -> line.contains(" => unrecognised")).count() > 50);
    assertTrue(recorded().stream().filter(line -> line.contains("=[")).count() > 100);
  }

  @Test
  void help_isTheOriginals() throws Exception {
    Output output = new Output();
    Session session = new Session(Path.of("/"), 0, output.out, output.err, null);
    assertEquals(0, tool.run(session, List.of("help")));
    output.out.flush();
    assertEquals(resource("help.txt"), output.text());
  }

  @Test
  void describe_wrapsAtEightyColumns() {
    String text =
        new ProgramOptions()
            .one("ranges", 'r', "Sectors range in format 'sector:count'. It's multitoken argument.")
            .describe();
    assertEquals(
        """
          -h [ --help ]         Print usage for command.
          -r [ --ranges ] arg   Sectors range in format 'sector:count'. It's multitoken
                                argument.
        """,
        text);
  }
}
