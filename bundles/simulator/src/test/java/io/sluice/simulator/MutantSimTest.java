package io.sluice.simulator;

import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.simulator.run.BlksnapSubject;
import io.sluice.simulator.run.Campaign;
import io.sluice.simulator.run.Shrinker;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Each deliberate bug is found out, by the property it breaks, within its budget of seeds. */
class MutantSimTest {
  @ParameterizedTest
  @EnumSource(WriteMutants.class)
  void ofTheWritePathIsKilled(WriteMutants mutant) {
    assertKilled(mutant);
  }

  @ParameterizedTest
  @EnumSource(SnapshotMutants.class)
  void ofSnapshotsIsKilled(SnapshotMutants mutant) {
    assertKilled(mutant);
  }

  @ParameterizedTest
  @EnumSource(SwapMutants.class)
  void ofSwapsAndFaultsIsKilled(SwapMutants mutant) {
    assertKilled(mutant);
  }

  @ParameterizedTest
  @EnumSource(SharingMutants.class)
  void ofSeveralSnapshotsIsKilled(SharingMutants mutant) {
    assertKilled(mutant);
  }

  @ParameterizedTest
  @EnumSource(StateMutants.class)
  void ofWhatIsKeptOfTrackingIsKilled(StateMutants mutant) {
    assertKilled(mutant);
  }

  @ParameterizedTest
  @EnumSource(MapMutants.class)
  void ofMapsIsKilled(MapMutants mutant) {
    assertKilled(mutant);
  }

  @ParameterizedTest
  @EnumSource(MoveMutants.class)
  void ofStoresThatAreMovedIsKilled(MoveMutants mutant) {
    assertKilled(mutant);
  }

  @ParameterizedTest
  @EnumSource(GrowthMutants.class)
  void case20_ofDevicesThatGrowIsKilled(GrowthMutants mutant) {
    assertKilled(mutant);
  }

  private static void assertKilled(Mutant mutant) {
    Campaign.Result result =
        Campaign.run(
            BlksnapSubject::create,
            seed -> mutant,
            Seeds.first(),
            mutant.seedBudget(),
            Runtime.getRuntime().availableProcessors());
    assertNotNull(result.failed(), () -> mutant + " survived " + result.seedCount() + " seeds");
    String property = Shrinker.propertyOf(result.failed().failure());
    System.out.printf(
        "simulator: %-26s killed by %s, seed %d of %d%n",
        mutant, property, result.failed().plan().seed(), mutant.seedBudget());
    assertTrue(
        mutant.breaks(property),
        () ->
            mutant
                + " breaks "
                + mutant.properties()
                + ", but it was killed by "
                + result.failed().failure().getMessage());
  }
}
