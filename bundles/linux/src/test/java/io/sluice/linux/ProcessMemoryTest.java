package io.sluice.linux;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class ProcessMemoryTest {
  private static final List<String> LIMITED =
      List.of(
          "Max open files 1024 unlimited files",
          "Max locked memory         8388608   unlimited   bytes");

  @Test
  void onlyWhereNothingLimitsIt() {
    assertTrue(ProcessMemory.mayLock(List.of("Name: java", "CapEff:\t0000000000004000"), LIMITED));
    assertTrue(ProcessMemory.mayLock(List.of("CapEff:\tffffffffffffffff"), List.of()));
    assertFalse(ProcessMemory.mayLock(List.of("CapEff:\t000001ffffffbfff"), LIMITED));
    assertFalse(ProcessMemory.mayLock(List.of(), List.of()));
    List<String> unlimited = List.of("Max locked memory         unlimited   unlimited   bytes");
    assertTrue(ProcessMemory.mayLock(List.of("CapEff:\t0000000000000000"), unlimited));
  }
}
