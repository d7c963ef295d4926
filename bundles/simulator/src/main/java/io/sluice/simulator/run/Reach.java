package io.sluice.simulator.run;

/** Rare events that a campaign must meet, or it proves less than it seems to. */
public enum Reach {
  /** An image was lost because the store was full. */
  OVERFLOW,
  /** The last chunk, shorter than the others, was copied. */
  SHORT_LAST_CHUNK,
  /** A bio waited at a gate while a take held it. */
  TAKE_DURING_WRITE,
  /** A second writer met a chunk whose first writer was still under way. */
  TWO_WRITERS_ON_ONE_CHUNK,
  /** A generation ended because its numbers ran out. */
  NUMBER_WRAP,
  /** An image read of one chunk had to look twice. */
  IMAGE_READ_RETRIED,
  /** A store failed to grow. */
  GROWTH_FAILED,
  /** An image was lost because the origin could not be read. */
  LOST_BY_ORIGIN_READ,
  /** An image was lost because the store failed. */
  LOST_BY_STORE_ERROR,
  /** A chunk of zeroes took no space. */
  ZERO_CHUNK,
  /** A write to the origin failed, and its client was told. */
  ORIGIN_WRITE_FAILED,
  /** Devices of one take held bios of one writer on both sides of the cut. */
  PAIR_ACROSS_TAKE,
  /** A detach was refused because of a snapshot. */
  DETACH_REFUSED,
  /** An image was in use when its snapshot was destroyed. */
  DESTROYED_IN_USE,
  /** The store was about to be full, and said so. */
  NO_SPACE_EVENT,
  /** A range of an image was reported as zeroes. */
  IMAGE_ZERO_EXTENT,
  /** The filter was put aside while an image was held. */
  PUT_ASIDE_HELD,
  /** A device was lost while an image was held. */
  LOST_HELD,
  /** Store I/O waited while a provider was replaced, and went on. */
  WAITED_FOR_SWAP,
  /** A store in use was taken over by another provider. */
  STORE_TAKEN_OVER,
  /** A store could not be taken over. */
  TAKE_OVER_FAILED,
  /** Store I/O waited too long for a provider. */
  SWAP_TOO_LONG,
  /** An image read what was saved for a later snapshot of its device. */
  SHARED_READ,
  /** Of two snapshots of a device the later one was destroyed first. */
  DESTROYED_OUT_OF_ORDER,
  /** An image was read beside a later one of its device that is lost. */
  OLDER_OUTLIVED_NEWER,
  /** Tracking went on where it had stopped, after takes. */
  TRACKING_WENT_ON,
  /** It did not, because the device was written meanwhile. */
  TRACKING_VOIDED,
  /** It did not, because what was known could not be kept or had back. */
  TRACKING_STATE_LOST,
  /** A held snapshot was given another store, and that was used. */
  ADDED_STORE_USED,
  /** All that was in the stores of a held snapshot was moved. */
  STORES_MOVED,
  /** It was, while more was saved. */
  MOVED_UNDER_WRITES,
  /** A move failed because a store did. */
  MOVE_FAILED,
  /** A move was given up. */
  MOVE_CANCELED,
  /** A snapshot was destroyed while its stores were moved. */
  DESTROYED_IN_MOVE,
  /** A move met the replacement of a provider. */
  MOVE_MET_SWAP,
  /** The map of an image was asked for the same base again. */
  MAP_ASKED_AGAIN,
  /** A write waited for its copy as long as it may. */
  COPY_TIMED_OUT,
  /** A device grew while an image was held. */
  GROWN_UNDER_A_SNAPSHOT,
  /** A device grew while a write to it was under way. */
  GROWN_BESIDE_A_WRITE,
  /** A device grew between what a take made ready and its cut. */
  GROWN_IN_A_TAKE,
  /** A device had grown when a filter came to go on tracking it. */
  GROWN_WHILE_NOT_TRACKED,
  /** A write went over the end that the device had at the take of a held image. */
  WRITE_ACROSS_THE_OLD_END,
  /** A last chunk was copied that was short at the take, and is not any more. */
  OLD_SHORT_LAST_CHUNK,
  /** A take after growth began a generation, and somebody knew the one before. */
  GENERATION_ENDED_BY_GROWTH,
  /** The held map told of a change beyond the end that the device had at first. */
  CHANGED_IN_THE_GROWN_PART,
  /** An image was asked for what lies beyond its end, and within the device's. */
  IMAGE_READ_PAST_ITS_END,
  /** An image read what was saved for a later snapshot, of which the device was longer. */
  SHARED_READ_AFTER_GROWTH
}
