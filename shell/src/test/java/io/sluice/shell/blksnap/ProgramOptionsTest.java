package io.sluice.shell.blksnap;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.shell.blksnap.ProgramOptions.Unfit;
import io.sluice.shell.blksnap.ProgramOptions.Values;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ProgramOptionsTest {
  private final ProgramOptions options =
      new ProgramOptions()
          .many("device", 'd', "Devices.")
          .one("file", 'f', "A file.")
          .one("field", 'F', "A field.")
          .flag("json", 'j', "Json.");

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
        "--file --json|the required argument for option '--file' is missing",
        "-f a -f b|option '--file' cannot be specified more than once",
        "--json=1|option '--json' does not take any arguments",
        "stray|too many positional options have been specified on the command line",
        "-f a stray|too many positional options have been specified on the command line"
      })
  void parse_refusesInBoostsWords(String line, String message) {
    assertEquals(message, assertThrows(Unfit.class, () -> parse(line)).getMessage());
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
