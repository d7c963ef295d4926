package io.sluice.itests.acceptance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.itests.Product;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** {@code snapshot-bundle/ACCEPTANCE.md} has each case, and each test that it names is there. */
class AcceptanceTableTest {
  private static final String TABLE = "snapshot-bundle/ACCEPTANCE.md";
  private static final String SCRIPTS = "distribution/src/it/tests";

  /** The numbers that were given. */
  private static final List<Integer> CASES =
      List.of(
          1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 23, 24, 25, 26, 27, 28,
          29, 30, 31, 33, 36, 38, 39, 40, 41, 42, 43, 44, 47, 50, 51, 52, 53, 54, 55, 56, 57, 58,
          59, 64, 65, 66, 67, 68, 69, 70, 71, 72);

  private static final Pattern ROW = Pattern.compile("\\| (\\d+) \\| [^|]+ \\| ([^|]+) \\|");
  private static final Pattern TEST =
      Pattern.compile("\\w+\\.case0*(\\d+)_\\w+|\\w+\\.sh: case0*(\\d+)-[a-z0-9-]+");

  // A case is one only as a test: an annotation of JUnit's before it.
  private static final Pattern METHOD =
      Pattern.compile("@(?:Test|ParameterizedTest)\\s[^{};]*?\\bvoid (case\\d+_\\w+)\\(");
  private static final Pattern CHECK =
      Pattern.compile("^check (case\\d+-\\S+) ", Pattern.MULTILINE);

  @Test
  void theTableAndTheTestsAgree() throws Exception {
    Set<String> tests = tests(Product.repository());
    assertTrue(tests.size() >= CASES.size(), "only " + tests);
    assertEquals(List.of(), faults(table(), tests));
  }

  /** So that this can fail, and says why. */
  @Test
  void whatDoesNotAgreeIsFound() throws Exception {
    String table = table();
    Set<String> tests = tests(Product.repository());
    String forty = "CowCasesTest.case40_thousandOverwritesConsumeOneChunk";
    assertEquals(
        List.of("case 40 has no row", forty + " is in no row"),
        faults(table.replaceFirst("(?m)^\\| 40 \\|.*\n", ""), tests));
    assertEquals(
        List.of("case 40: there is no test CowCasesTest.case40_other", forty + " is in no row"),
        faults(table.replace(forty, "CowCasesTest.case40_other"), tests));
    assertEquals(
        List.of("case 40: \"some day\" is no test of this case", forty + " is in no row"),
        faults(table.replace(forty, "some day"), tests));
    assertEquals(
        List.of("case 12 has 2 rows"),
        faults(table + "| 12 | again | not applicable: it is there already |\n", tests));
    assertEquals(
        List.of("case 17 was never given"),
        faults(table + "| 17 | more | not applicable: it is none |\n", tests));
    Set<String> more = new TreeSet<>(tests);
    more.add("acceptance.sh: case99-new");
    assertEquals(List.of("acceptance.sh: case99-new is in no row"), faults(table, more));
  }

  private static String table() throws IOException {
    return Files.readString(Product.repository().resolve(TABLE));
  }

  private static List<String> faults(String table, Set<String> tests) {
    Map<Integer, Integer> rowCounts = new HashMap<>();
    Set<String> named = new TreeSet<>();
    List<String> faults = new ArrayList<>();
    for (Matcher row = ROW.matcher(table); row.find(); ) {
      int number = Integer.parseInt(row.group(1));
      rowCounts.merge(number, 1, Integer::sum);
      if (row.group(2).startsWith("not applicable: ")) {
        continue;
      }
      for (String test : row.group(2).split(", ", -1)) {
        named.add(test);
        Matcher parts = TEST.matcher(test);
        if (!parts.matches() || number != numberOf(parts)) {
          faults.add("case " + number + ": \"" + test + "\" is no test of this case");
        } else if (!tests.contains(test)) {
          faults.add("case " + number + ": there is no test " + test);
        }
      }
    }
    for (int number : CASES) {
      int rows = rowCounts.getOrDefault(number, 0);
      if (rows != 1) {
        faults.add("case " + number + " has " + (rows == 0 ? "no row" : rows + " rows"));
      }
    }
    rowCounts.keySet().stream()
        .filter(number -> !CASES.contains(number))
        .forEach(number -> faults.add("case " + number + " was never given"));
    // Tests of single parts may carry a case's number without being its proof.
    tests.stream()
        .filter(AcceptanceTableTest::isProof)
        .filter(test -> !named.contains(test))
        .forEach(test -> faults.add(test + " is in no row"));
    return faults;
  }

  private static int numberOf(Matcher test) {
    return Integer.parseInt(test.group(1) == null ? test.group(2) : test.group(1));
  }

  private static boolean isProof(String test) {
    return test.contains(".sh: ")
        || test.startsWith("CorruptTest.")
        || test.startsWith("BoundaryTest.")
        || test.contains("CasesTest.");
  }

  /** All tests in the repository that are named by a number. */
  private static Set<String> tests(Path repository) throws IOException {
    Set<String> tests = new TreeSet<>();
    for (Path file : sources(repository)) {
      String name = file.getFileName().toString().replace(".java", "");
      Matcher method = METHOD.matcher(Files.readString(file));
      while (method.find()) {
        tests.add(name + "." + method.group(1));
      }
    }
    try (Stream<Path> scripts = Files.list(repository.resolve(SCRIPTS))) {
      for (Path script : scripts.toList()) {
        Matcher check = CHECK.matcher(Files.readString(script));
        while (check.find()) {
          tests.add(script.getFileName() + ": " + check.group(1));
        }
      }
    }
    return tests;
  }

  private static List<Path> sources(Path repository) throws IOException {
    List<Path> roots = new ArrayList<>();
    try (Stream<Path> modules = Files.list(repository)) {
      modules.forEach(roots::add);
    }
    try (Stream<Path> bundles = Files.list(repository.resolve("bundles"))) {
      bundles.forEach(roots::add);
    }
    List<Path> sources = new ArrayList<>();
    for (Path root : roots) {
      Path tests = root.resolve("src/test/java");
      if (Files.isDirectory(tests)) {
        try (Stream<Path> files = Files.walk(tests)) {
          files.filter(file -> file.toString().endsWith("Test.java")).forEach(sources::add);
        }
      }
    }
    return sources;
  }
}
