package io.sluice.simulator.device;

/** Where a fault can strike. */
public enum FaultSite {
  /** A read that a live read asked for. */
  ORIGIN_READ,
  /** A read for the engine's own ends: saving old data, or reading an image. */
  ORIGIN_COPY_READ,
  /** A write, write-zeroes or discard. */
  ORIGIN_WRITE,
  /** A flush. */
  ORIGIN_FLUSH,
  /** A block status query. */
  ORIGIN_STATUS,
  /** A read of a store. */
  STORE_READ,
  /** A write to a store. */
  STORE_WRITE,
  /** A store's growth. */
  STORE_GROW,
  /** The opening of a store. */
  STORE_OPEN,
  /** A store given away. */
  STORE_HAND_OVER,
  /** A store taken over. */
  STORE_TAKE_OVER,
  /** What is known of changes is to be kept. */
  STATE_SAVE,
  /** What is known of changes is wanted back. */
  STATE_CLAIM,
  /** Devices that do not drain in time. */
  FREEZE
}
