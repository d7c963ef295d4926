package io.sluice.itests.rules;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.EvaluationResult;
import io.sluice.itests.rules.Rules.Rule;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class RulesTest {
  private static final String WRONG_ROOT = "io.sluice.itests.rules.wrong";

  private static final JavaClasses PRODUCT =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages("io.sluice");

  private static final JavaClasses WRONG = new ClassFileImporter().importPackages(WRONG_ROOT);

  /** What each rule has to find among the classes that break them. */
  private static final Map<String, List<String>> TO_BE_FOUND =
      Map.ofEntries(
          Map.entry("the API knows the platform alone", List.of("block.KnowsRegistry")),
          Map.entry("parts know the API and not each other", List.of("registry.KnowsNbd")),
          Map.entry("snapshot packages follow the data flow", List.of("blksnap.tracking.KnowsCow")),
          Map.entry(
              "NBD packages follow the data flow", List.of("nbd.codec.KnowsServer", "nbd.Stray")),
          Map.entry("FUSE packages follow the data flow", List.of("fuse.codec.KnowsMount")),
          Map.entry("packages have no cycles", List.of("cycle.one.First", "cycle.two.Second")),
          Map.entry("OSGi stays in packages called osgi", List.of("registry.UsesOsgi")),
          Map.entry(
              "the engine has no threads, chance or files", List.of("blksnap.cow.UsesThread")),
          Map.entry(
              "the engine asks no clock and makes no identifiers",
              List.of("blksnap.cow.AsksTheClock")),
          Map.entry("native calls stay in one package", List.of("registry.UsesJna")),
          Map.entry("the client starts with the platform alone", List.of("shell.client.KnowsTool")),
          Map.entry("names say what things are", List.of("registry.ThingManager")));

  static List<Rule> rules() {
    return new Rules("io.sluice").all();
  }

  static List<Rule> rulesForTheWrong() {
    return new Rules(WRONG_ROOT).all();
  }

  @ParameterizedTest
  @MethodSource("rules")
  void holds(Rule rule) {
    long count = PRODUCT.stream().filter(rule.subject()).count();
    assertTrue(
        count >= rule.subjectCountMin(),
        () ->
            rule.name()
                + ": speaks of only "
                + count
                + " classes, expected at least "
                + rule.subjectCountMin()
                + "; were packages renamed?");
    rule.rule().check(PRODUCT);
  }

  @ParameterizedTest
  @MethodSource("rulesForTheWrong")
  void canFail(Rule rule) {
    EvaluationResult result = rule.rule().evaluate(WRONG);
    String report = String.join("\n", result.getFailureReport().getDetails());
    for (String type : TO_BE_FOUND.get(rule.name())) {
      assertTrue(
          report.contains(WRONG_ROOT + "." + type),
          () -> rule.name() + ": does not find " + type + ", only: " + report);
    }
  }

  @Test
  void eachRuleCanFail() {
    assertEquals(
        rules().stream().map(Rule::name).collect(Collectors.toCollection(TreeSet::new)),
        new TreeSet<>(TO_BE_FOUND.keySet()));
  }
}
