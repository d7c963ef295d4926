package io.sluice.simulator.run;

import io.sluice.simulator.device.Faults;
import java.util.ArrayList;
import java.util.List;

/**
 * All of a run but the order of its tasks' steps, which {@code seed} gives.
 *
 * @param seed of the schedule, and of ids
 * @param switchPerMille how often a switch point switches
 * @param disks the devices
 * @param trackingShift log2 of the smallest tracking block in bytes
 * @param chunkShift log2 of the smallest chunk in bytes
 * @param portionSectors the portion by which stores grow
 * @param buffers the budget of copies in flight
 * @param faults what fails, and when
 * @param tasks what each task does, in order
 */
public record Plan(
    long seed,
    int switchPerMille,
    List<Disk> disks,
    int trackingShift,
    int chunkShift,
    int portionSectors,
    int buffers,
    List<Faults.Fault> faults,
    List<Task> tasks) {

  /**
   * A device.
   *
   * @param cellBytes the block size
   * @param cellCount how many at first
   * @param growCells how many more it may get
   * @param discardZeroes whether discarded blocks read zeroes
   * @param zeroPerMille how many of its blocks hold zeroes at first
   */
  public record Disk(
      int cellBytes, int cellCount, int growCells, boolean discardZeroes, int zeroPerMille) {
    /** How many cells it has at last, if it grows as far as it may. */
    public int cellCountMax() {
      return cellCount + growCells;
    }
  }

  /**
   * A task.
   *
   * @param name for traces
   * @param ops what it does
   */
  public record Task(String name, List<SimOp> ops) {}

  /** All operations. */
  public int opCount() {
    return tasks.stream().mapToInt(task -> task.ops().size()).sum();
  }

  /** This plan with other tasks. */
  Plan withTasks(List<Task> other) {
    return new Plan(
        seed,
        switchPerMille,
        disks,
        trackingShift,
        chunkShift,
        portionSectors,
        buffers,
        faults,
        other);
  }

  /** This plan with other faults. */
  Plan withFaults(List<Faults.Fault> other) {
    return new Plan(
        seed,
        switchPerMille,
        disks,
        trackingShift,
        chunkShift,
        portionSectors,
        buffers,
        other,
        tasks);
  }

  /** The plan, for a report. */
  String describe() {
    List<String> lines = new ArrayList<>();
    lines.add(
        "switching "
            + switchPerMille
            + " per mille, tracking block "
            + (1 << trackingShift)
            + ", chunk "
            + (1 << chunkShift)
            + ", portion "
            + portionSectors
            + " sectors, buffers "
            + buffers);
    for (int i = 0; i < disks.size(); i++) {
      lines.add("disk-" + i + ": " + disks.get(i));
    }
    faults.forEach(fault -> lines.add("fault: " + fault));
    for (Task task : tasks) {
      lines.add(task.name() + ": " + task.ops());
    }
    return String.join("\n", lines);
  }
}
