package io.sluice.tck;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What keeps every rule passes every test, and what is skipped says why. */
class SoundTest {
  private record Sound(String name, int passCountMin, Supplier<KitRun> run) {
    @Override
    public String toString() {
      return name;
    }
  }

  static Stream<Sound> all() {
    return Stream.of(
        new Sound(
            "device",
            17,
            () -> DeviceMutants.run(new Mutant<>("BLK-0", "none", MemoryDevice::new))),
        new Sound(
            "device without discards",
            17,
            () -> DeviceMutants.run(new Mutant<>("BLK-11", "none", MemoryDevice::new))),
        new Sound(
            "origin",
            20,
            () -> OriginMutants.run(new Mutant<>("ORG-0", "none", OriginMutants.Provider::new))),
        new Sound(
            "filter",
            28,
            () -> FilterMutants.run(new Mutant<>("FLT-0", "none", PassOperations::new))),
        new Sound(
            "store", 11, () -> StoreMutants.run(new Mutant<>("DST-0", "none", HeapStores::new))));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("all")
  void passes(Sound sound) {
    KitRun run = sound.run().get();
    assertEquals(Map.of(), run.failures);
    assertTrue(run.passCount >= sound.passCountMin(), () -> "only " + run.passCount + " tests");
    for (Map.Entry<String, String> skip : run.skips.entrySet()) {
      String why = skip.getValue();
      assertTrue(
          why.contains("untested: ") || why.contains("not applicable: "),
          () -> skip.getKey() + " was skipped: " + why);
    }
  }

  @Test
  void untestedRulesShowAsSkipped() {
    KitRun run = FilterMutants.run(new Mutant<>("FLT-0", "none", PassOperations::new));
    for (String rule : List.of("BLK-1", "FLT-3", "FLT-9")) {
      assertTrue(run.skips.getOrDefault(rule, "").startsWith("untested: "), run.skips::toString);
    }
  }
}
