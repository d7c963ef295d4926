package io.sluice.tck;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DisplayNameGeneration;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.extension.ExtendWith;

/** What the kits have in common: tests named by rules, a seed, and the rules that go untested. */
@ExtendWith(RuleVerdict.class)
@DisplayNameGeneration(RuleNames.class)
abstract class RuleSuite {
  /** The system property that chooses another seed. */
  static final String SEED_PROPERTY = "sluice.tck.seed";

  /** Where all random choices come from. */
  static final long SEED = Long.getLong(SEED_PROPERTY, 1);

  private Random random;

  @BeforeEach
  void seed(TestInfo test) {
    random = new Random(SEED * 31 + test.getDisplayName().hashCode());
  }

  /** This test's own source of chance: the same for the same seed, whatever ran before. */
  final Random random() {
    return random;
  }

  /** Skips the test for want of something that the implementation has to provide. */
  static void notApplicableUnless(boolean applicable, String reason) {
    Assumptions.assumeTrue(applicable, () -> "not applicable: " + reason);
  }

  @TestFactory
  @DisplayName("untested")
  Stream<DynamicTest> untested() {
    return untestedBy(getClass()).stream()
        .map(
            one ->
                DynamicTest.dynamicTest(
                    one.rule(), () -> Assumptions.abort("untested: " + one.reason())));
  }

  static List<Untested> untestedBy(Class<?> suite) {
    List<Untested> all = new ArrayList<>();
    for (Class<?> type = suite; type != null; type = type.getSuperclass()) {
      all.addAll(List.of(type.getDeclaredAnnotationsByType(Untested.class)));
    }
    return all;
  }
}
