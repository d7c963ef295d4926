package io.sluice.itests.rules;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.itests.Product;
import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The house rules that can be read off the files. */
class RepositoryTest {
  private static final int LINE_COUNT_MAX = 500;
  private static final Set<String> SKIPPED_DIRECTORIES = Set.of(".git", "target", "node_modules");

  // Put together from halves, for this file is searched too.
  private static final Pattern LEFT_OVER =
      Pattern.compile("\\b(TO" + "DO|FIX" + "ME|XX" + "X|HA" + "CK)\\b");
  private static final Pattern SLEEP =
      Pattern.compile("Thread\\.sle" + "ep\\(|TimeUnit\\.\\w+\\.sle" + "ep\\(");
  private static final Pattern UNSEEDED =
      Pattern.compile(
          "new (Secure)?Ran" + "dom\\(\\)|ThreadLocalRan" + "dom\\.cur|Math\\.ran" + "dom\\(");
  private static final Pattern DISABLED = Pattern.compile("@Dis" + "abled\\b");

  @Test
  void javaFilesAreShort() throws IOException {
    List<String> wrong = new ArrayList<>();
    for (Path file : files(RepositoryTest::isJava, 150)) {
      long count = Files.readAllLines(file).size();
      if (count > LINE_COUNT_MAX) {
        wrong.add(file + ": " + count + " lines, at most " + LINE_COUNT_MAX);
      }
    }
    assertEquals(List.of(), wrong);
  }

  @Test
  void nothingIsLeftOver() throws IOException {
    Predicate<Path> text =
        file -> file.toString().matches(".*\\.(java|sh|md|xml|properties|yml)") || isScript(file);
    assertEquals(List.of(), findings(LEFT_OVER, files(text, 200)));
  }

  @Test
  void testsDoNotSleep() throws IOException {
    assertEquals(List.of(), findings(SLEEP, files(RepositoryTest::isTest, 40)));
  }

  @Test
  void testsHaveSeeds() throws IOException {
    assertEquals(List.of(), findings(UNSEEDED, files(RepositoryTest::isTest, 40)));
  }

  @Test
  void noTestIsSwitchedOff() throws IOException {
    assertEquals(List.of(), findings(DISABLED, files(RepositoryTest::isTest, 40)));
  }

  @Test
  void eachModuleHasAReadme() throws IOException {
    List<Path> missing = new ArrayList<>();
    for (Path pom : files(file -> file.endsWith("pom.xml"), 10)) {
      if (!Files.isRegularFile(pom.resolveSibling("README.md"))) {
        missing.add(pom.getParent());
      }
    }
    assertEquals(List.of(), missing, "without a README.md");
  }

  @ParameterizedTest
  @CsvSource({
    "LEFT_OVER,  '// TO' , 'DO later'",
    "SLEEP,      'Thread.sle' , 'ep(10);'",
    "SLEEP,      'TimeUnit.SECONDS.sle' , 'ep(10);'",
    "UNSEEDED,   'new Ran' , 'dom()'",
    "UNSEEDED,   'ThreadLocalRan' , 'dom.current()'",
    "DISABLED,   '@Dis' , 'abled(\"later\")'"
  })
  void patternsFind(String name, String head, String tail) {
    Pattern pattern =
        switch (name) {
          case "LEFT_OVER" -> LEFT_OVER;
          case "SLEEP" -> SLEEP;
          case "UNSEEDED" -> UNSEEDED;
          default -> DISABLED;
        };
    assertTrue(pattern.matcher(head + tail).find(), name + " does not find " + head + tail);
  }

  private static boolean isJava(Path file) {
    return file.toString().endsWith(".java");
  }

  private static boolean isTest(Path file) {
    return isJava(file) && file.toString().contains("/src/test/");
  }

  private static boolean isScript(Path file) {
    return Files.isExecutable(file) && !file.getFileName().toString().contains(".");
  }

  private static List<String> findings(Pattern pattern, List<Path> files) throws IOException {
    List<String> findings = new ArrayList<>();
    for (Path file : files) {
      List<String> lines = Files.readAllLines(file);
      for (int i = 0; i < lines.size(); i++) {
        if (pattern.matcher(lines.get(i)).find()) {
          findings.add(file + ":" + (i + 1) + ": " + lines.get(i).strip());
        }
      }
    }
    return findings;
  }

  /** The repository's files of a kind; there must be a number of them, or the walk went wrong. */
  private static List<Path> files(Predicate<Path> wanted, int countMin) throws IOException {
    List<Path> files = new ArrayList<>();
    Files.walkFileTree(
        Product.repository(),
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes) {
            return SKIPPED_DIRECTORIES.contains(directory.getFileName().toString())
                ? FileVisitResult.SKIP_SUBTREE
                : FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
            if (attributes.isRegularFile() && wanted.test(file)) {
              files.add(file);
            }
            return FileVisitResult.CONTINUE;
          }
        });
    assertTrue(files.size() >= countMin, "only " + files.size() + " files found");
    return files;
  }
}
