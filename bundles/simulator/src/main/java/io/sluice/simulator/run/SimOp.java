package io.sluice.simulator.run;

/**
 * One operation with all its choices made, so that it can be dropped without changing the others.
 *
 * @param kind what
 * @param device on which device; the first one of a pair
 * @param slot in which of the run's places for snapshots; the second device of a pair
 * @param first the first cell
 * @param count how many cells
 * @param variant further choices, spread out by whoever reads them
 */
public record SimOp(OpKind kind, int device, int slot, int first, int count, int variant) {
  /** This operation on a device, or an image, that has only so many cells. */
  SimOp within(int cellCount) {
    int at = Math.min(first, cellCount - 1);
    return new SimOp(kind, device, slot, at, Math.min(count, cellCount - at), variant);
  }

  @Override
  public String toString() {
    return switch (kind) {
      case WRITE, WRITE_ZEROES, DISCARD, READ, STATUS ->
          kind + " disk-" + device + " " + first + "+" + count;
      case FLUSH, CBT_CHECK, ATTACH, DETACH, PUT_ASIDE, LOSE_DEVICE -> kind + " disk-" + device;
      case PAIR -> "PAIR disk-" + device + " disk-" + slot;
      case IMAGE_READ, IMAGE_WRITE, IMAGE_ZEROES, IMAGE_DISCARD, IMAGE_STATUS, IMAGE_BAD ->
          kind + " disk-" + device + "@" + slot + " " + first + "+" + count;
      case IMAGE_FLUSH, ADD -> kind + " disk-" + device + "@" + slot;
      case IMAGE_CHECK, TAKE, DESTROY, EVENTS, INFO, ADD_STORE, MOVE_STORES -> kind + " @" + slot;
      case CREATE -> "CREATE @" + slot + " disks " + Integer.toBinaryString(first);
      case HANG_STORES, SWAP_STORES -> "SWAP_STORES";
      case GROW -> "GROW disk-" + device + " by " + count;
      case MANY_TAKES -> "MANY_TAKES disk-" + device + "@" + slot + " x" + count;
      case MARK_DIRTY -> "MARK_DIRTY disk-" + device + " sectors " + first + "+" + count;
    };
  }
}
