package io.sluice.shell.command;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.shell.FakeAgent;
import io.sluice.shell.tool.Session;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** The page says what the commands are: no more, no less, and in the words of their help. */
class CommandsPageTest {
  private static final String HEADING = "### ";

  @Test
  void everyCommandHasItsSectionWithItsParametersAndOptions() throws Exception {
    Map<String, List<String>> expected = new LinkedHashMap<>();
    collect(model(), expected);
    Map<String, List<String>> written = sections();
    assertEquals(List.copyOf(expected.keySet()), List.copyOf(written.keySet()));
    expected.forEach(
        (command, rows) ->
            assertEquals(
                String.join("\n", rows), String.join("\n", written.get(command)), command));
  }

  @Test
  void everySectionHasASynopsisAnExampleAndTheErrors() throws Exception {
    String page = page();
    for (String section : page.split("\n(?=#{2,3} )", -1)) {
      if (section.startsWith(HEADING)) {
        String name = section.substring(HEADING.length(), section.indexOf('\n'));
        assertTrue(section.contains("\n    sluice " + name), name + ": synopsis");
        assertTrue(section.contains("\nExample: `sluice "), name + ": example");
        assertTrue(section.contains("\nErrors: "), name + ": errors");
      }
    }
  }

  private static CommandLine model() {
    Session nobody = new Session(Path.of("/"), 0, System.out, System.err, null);
    return new SluiceTool(new FakeAgent()).newCommandLine(nobody);
  }

  private static void collect(CommandLine line, Map<String, List<String>> sections) {
    if (!line.getSubcommands().isEmpty()) {
      line.getSubcommands().values().forEach(sub -> collect(sub, sections));
      return;
    }
    CommandSpec spec = line.getCommandSpec();
    List<String> rows = new ArrayList<>();
    spec.positionalParameters().forEach(p -> rows.add(row("`" + p.paramLabel() + "`", p)));
    for (OptionSpec option : spec.options()) {
      if (!option.inherited()) {
        String label = option.arity().max() == 0 ? "" : " " + option.paramLabel();
        rows.add(row("`" + option.longestName() + label + "`", option));
      }
    }
    sections.put(spec.qualifiedName().substring("sluice ".length()), rows);
  }

  private static String row(String what, ArgSpec argument) {
    return "| " + what + " | " + String.join(" ", argument.description()) + " |";
  }

  /** The rows of the first table of each section, without its headings. */
  private static Map<String, List<String>> sections() throws Exception {
    Map<String, List<String>> sections = new LinkedHashMap<>();
    List<String> rows = new ArrayList<>();
    for (String line : page().split("\n", -1)) {
      if (line.startsWith(HEADING)) {
        rows = new ArrayList<>();
        sections.put(line.substring(HEADING.length()), rows);
      } else if (line.startsWith("## ")) {
        rows = new ArrayList<>();
      } else if (line.startsWith("| `")) {
        rows.add(line.replace("\\|", "|"));
      }
    }
    return sections;
  }

  private static String page() throws Exception {
    return Files.readString(Path.of("COMMANDS.md"));
  }

  /** Prints the tables that the page must have, to be pasted. */
  public static void main(String[] arguments) {
    Map<String, List<String>> expected = new LinkedHashMap<>();
    collect(model(), expected);
    expected.forEach(
        (command, rows) -> {
          System.out.println(HEADING + command);
          rows.forEach(System.out::println);
        });
  }
}
