package io.sluice.tck;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Every rule of the specification is checked and has a mutant, or says why it is not. */
class CoverageTest {
  private static final Pattern RULE_ROW = Pattern.compile("(?m)^\\| ([A-Z]{3}-[0-9]+) \\|");
  private static final List<Class<?>> SUITES =
      List.of(BlockDeviceTck.class, OriginTck.class, FilterTck.class, DiffStoreTck.class);

  /** What no third party implements alone, or what has more sides than one call shows. */
  private static final Map<String, String> OTHER_PARTS =
      Map.of(
          "SNP", "a rule for Sluice's own snapshots; the simulator and their tests check it",
          "MAP", "a rule for images and exporters; the simulator and real clients check it",
          "EXP", "a rule about clients of a protocol; each exporter is tested with real ones",
          "PIN", "a rule for the framework that runs the bundles; itests checks it in there",
          "SWP", "a rule between bundles in a framework; itests checks it in there");

  private static Set<String> specified() throws IOException {
    return RULE_ROW
        .matcher(Files.readString(Path.of("../../filter-api/SPEC.md")))
        .results()
        .map(MatchResult::group)
        .map(row -> row.replaceAll("[| ]", ""))
        .collect(Collectors.toCollection(LinkedHashSet::new));
  }

  private static Map<String, Set<String>> checked() {
    Map<String, Set<String>> checked = new TreeMap<>();
    for (Class<?> suite : SUITES) {
      for (Method method : suite.getDeclaredMethods()) {
        Rule rule = method.getAnnotation(Rule.class);
        if (rule != null) {
          String words = RuleNames.nameOf(rule, method).substring(rule.value().length() + 1);
          checked.computeIfAbsent(rule.value(), id -> new TreeSet<>()).add(words);
          String prefix = rule.value().toLowerCase(java.util.Locale.ROOT).replace("-", "") + "_";
          assertTrue(method.getName().startsWith(prefix), method + " is not named by its rule");
        }
      }
    }
    return checked;
  }

  private static Map<String, String> untested() {
    Map<String, String> untested = new TreeMap<>();
    SUITES.stream()
        .flatMap(suite -> RuleSuite.untestedBy(suite).stream())
        .forEach(one -> untested.put(one.rule(), one.reason()));
    return untested;
  }

  private static Map<String, Set<String>> mutants() {
    Map<String, Set<String>> mutants = new TreeMap<>();
    Stream.of(DeviceMutants.all(), OriginMutants.all(), FilterMutants.all(), StoreMutants.all())
        .flatMap(List::stream)
        .forEach(
            one ->
                mutants.computeIfAbsent(one.rule(), id -> new LinkedHashSet<>()).add(one.what()));
    return mutants;
  }

  @Test
  void eachRuleIsCheckedOrSaysWhyNot() throws IOException {
    Set<String> specified = specified();
    assertTrue(specified.size() >= 80, () -> "only " + specified);
    List<String> wrong = new ArrayList<>();
    for (String rule : specified) {
      boolean other = OTHER_PARTS.containsKey(rule.substring(0, 3));
      boolean isUntested = untested().containsKey(rule) || other;
      if (isUntested == checked().containsKey(rule)) {
        wrong.add(rule + (isUntested ? " is checked, and listed as untested" : " is in neither"));
      }
      if (checked().containsKey(rule) && !mutants().containsKey(rule)) {
        wrong.add(rule + " has no mutant");
      }
    }
    Set<String> unknown = new TreeSet<>(checked().keySet());
    unknown.addAll(untested().keySet());
    unknown.addAll(mutants().keySet());
    unknown.removeAll(specified);
    assertEquals(List.of(), wrong);
    assertEquals(Set.of(), unknown, "not in SPEC.md");
  }

  @Test
  void theTableInTheReadmeIsTrue() throws IOException {
    StringBuilder table = new StringBuilder();
    for (String rule : specified()) {
      String reason = untested().getOrDefault(rule, OTHER_PARTS.get(rule.substring(0, 3)));
      table.append("| ").append(rule).append(" | ");
      if (reason == null) {
        table.append(String.join("; ", checked().get(rule))).append(" | ");
        table.append(String.join("; ", mutants().get(rule))).append(" |\n");
      } else {
        table.append("untested: ").append(reason).append(" | |\n");
      }
    }
    Path written = Files.writeString(Path.of("target/rules.md"), table);
    assertTrue(
        Files.readString(Path.of("README.md")).contains(table),
        () -> "README.md has another table of rules; the true one is in " + written);
  }
}
