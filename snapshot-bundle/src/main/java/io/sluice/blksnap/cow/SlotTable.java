package io.sluice.blksnap.cow;

import java.util.Arrays;

/**
 * Where the data of saved chunks are: a hash table from chunk to slot, open addressing with linear
 * probing (Knuth, The Art of Computer Programming 3, 6.4), eight bytes an entry, without an object
 * for each. Its size follows the chunks saved, not the device.
 *
 * <p>Split into stripes, each with its own lock, which is held for a look-up and never across I/O.
 * The chunks of one word of {@link SavedBits} share a stripe, so a run of them is stored under one
 * lock.
 */
final class SlotTable {
  /** The slot of a chunk that is all zeroes and takes no space. */
  static final long ZERO_SLOT = (1L << 35) - 1;

  /** The slot of a chunk that is not in the table. */
  static final long NO_SLOT = -1;

  /** Bytes in the unit of slots: 35 bits of these reach 16 TiB of store. */
  static final int SLOT_UNIT_BYTES = 512;

  private static final int SLOT_BITS = 35;
  private static final int STRIPE_COUNT = 64;
  private static final int FIRST_CAPACITY = 128;
  private static final long GOLDEN = 0x9E3779B97F4A7C15L;

  private final Stripe[] stripes = new Stripe[STRIPE_COUNT];

  /** An entry is (chunk + 1) above the slot's 35 bits, and 0 when free. */
  private static final class Stripe {
    private long[] entries = new long[0];
    private int count;

    private int indexOf(long[] table, long chunk) {
      int mask = table.length - 1;
      int at = (int) ((chunk * GOLDEN) >>> 32) & mask;
      while (table[at] != 0 && table[at] >>> SLOT_BITS != chunk + 1) {
        at = (at + 1) & mask;
      }
      return at;
    }

    private void put(long chunk, long slot) {
      if (count >= entries.length / 4 * 3) {
        grow();
      }
      int at = indexOf(entries, chunk);
      if (entries[at] == 0) {
        count++;
      }
      entries[at] = ((chunk + 1) << SLOT_BITS) | slot;
    }

    private void grow() {
      long[] larger = new long[Math.max(FIRST_CAPACITY, entries.length * 2)];
      for (long entry : entries) {
        if (entry != 0) {
          larger[indexOf(larger, (entry >>> SLOT_BITS) - 1)] = entry;
        }
      }
      entries = larger;
    }

    private long get(long chunk) {
      if (entries.length == 0) {
        return NO_SLOT;
      }
      long entry = entries[indexOf(entries, chunk)];
      return entry == 0 ? NO_SLOT : entry & ZERO_SLOT;
    }
  }

  SlotTable() {
    Arrays.setAll(stripes, i -> new Stripe());
  }

  private Stripe stripeOf(long chunk) {
    return stripes[(int) (((chunk >>> SavedBits.WORD_SHIFT) * GOLDEN) >>> 58)];
  }

  /**
   * Stores the slots of a run of chunks within one word of {@link SavedBits}.
   *
   * @param slotStep what to add to the slot from chunk to chunk; 0 with {@link #ZERO_SLOT}
   */
  void putRun(long firstChunk, int chunkCount, long slot, long slotStep) {
    Stripe stripe = stripeOf(firstChunk);
    synchronized (stripe) {
      for (int i = 0; i < chunkCount; i++) {
        stripe.put(firstChunk + i, slot + i * slotStep);
      }
    }
  }

  /** The slot of a chunk, {@link #ZERO_SLOT}, or {@link #NO_SLOT}. */
  long get(long chunk) {
    Stripe stripe = stripeOf(chunk);
    synchronized (stripe) {
      return stripe.get(chunk);
    }
  }
}
