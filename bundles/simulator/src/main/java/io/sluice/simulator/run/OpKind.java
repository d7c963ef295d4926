package io.sluice.simulator.run;

/** What a task of a run can do. */
public enum OpKind {
  WRITE,
  WRITE_ZEROES,
  DISCARD,
  FLUSH,
  READ,
  STATUS,
  /** A write to one device and, once it is complete, one to another. */
  PAIR,
  IMAGE_READ,
  IMAGE_WRITE,
  IMAGE_ZEROES,
  IMAGE_DISCARD,
  IMAGE_STATUS,
  IMAGE_FLUSH,
  /** Reads a whole snapshot. */
  IMAGE_CHECK,
  /** Asks an image for what it must refuse. */
  IMAGE_BAD,
  CREATE,
  ADD,
  TAKE,
  DESTROY,
  EVENTS,
  INFO,
  /** Create, take and destroy, again and again. */
  MANY_TAKES,
  MARK_DIRTY,
  CBT_CHECK,
  ATTACH,
  DETACH,
  /** The registry puts the filter aside: bios go past it. */
  PUT_ASIDE,
  /** The device's storage goes, the device is removed and added again. */
  LOSE_DEVICE,
  /** A device becomes longer, whatever is under way. */
  GROW,
  /** No store answers for a while, and the time limit of copies passes. */
  HANG_STORES,
  /** The provider of stores is replaced by another version. */
  SWAP_STORES,
  /** A snapshot gets another store. */
  ADD_STORE,
  /** All that is in a snapshot's stores is moved into another. */
  MOVE_STORES
}
