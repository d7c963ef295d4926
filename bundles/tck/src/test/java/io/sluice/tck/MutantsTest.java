package io.sluice.tck;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Each mutant is caught by the test that names the rule it breaks, and by no other. */
class MutantsTest {
  static List<Mutant<DeviceMutants.Make>> devices() {
    return DeviceMutants.all();
  }

  static List<Mutant<FilterMutants.Make>> filters() {
    return FilterMutants.all();
  }

  static List<Mutant<StoreMutants.Make>> stores() {
    return StoreMutants.all();
  }

  static List<Mutant<OriginMutants.Make>> origins() {
    return OriginMutants.all();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("devices")
  void deviceIsCaught(Mutant<DeviceMutants.Make> mutant) {
    check(mutant, DeviceMutants.run(mutant));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("filters")
  void filterIsCaught(Mutant<FilterMutants.Make> mutant) {
    check(mutant, FilterMutants.run(mutant));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("stores")
  void storeIsCaught(Mutant<StoreMutants.Make> mutant) {
    check(mutant, StoreMutants.run(mutant));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("origins")
  void originIsCaught(Mutant<OriginMutants.Make> mutant) {
    check(mutant, OriginMutants.run(mutant));
  }

  private static void check(Mutant<?> mutant, KitRun run) {
    assertEquals(new TreeSet<>(Set.of(mutant.rule())), run.failedRules(), run.failures::toString);
    for (String message : run.failures.values()) {
      assertTrue(message.startsWith(mutant.rule() + " "), message);
      assertTrue(message.contains("expected ") || message.contains("unexpected "), message);
      assertTrue(message.contains("(seed " + RuleSuite.SEED + ", replay with -D"), message);
    }
  }
}
