package io.sluice.trace.recorder;

import io.sluice.block.BioOp;
import io.sluice.trace.format.Payload;
import io.sluice.trace.format.TraceFormat;
import io.sluice.trace.format.TraceRecord;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;

/**
 * The last bios, in slots that are written over. Without locks: each slot has a stamp that tells
 * whose it is and whether it is whole, so that a reader leaves out what is being written, and a
 * writer that finds another at work in its slot, a whole round behind, gives way.
 */
final class RecentBios {
  private static final VarHandle LONGS = MethodHandles.arrayElementVarHandle(long[].class);

  private static final int SLOT_LONGS = 8;
  private static final int STAMP = 0;
  private static final int START = 1;
  private static final int DURATION = 2;
  private static final int OFFSET = 3;
  private static final int LENGTH = 4;
  private static final int STREAM = 5;
  private static final int ERRNO_AND_CRC = 6;
  private static final int WHAT = 7;

  private final int slotCount;
  private final long[] slots;
  private final AtomicLong nextSequence = new AtomicLong();
  private final LongAdder lostCount = new LongAdder();

  /**
   * @param slotCount a power of two
   */
  RecentBios(int slotCount) {
    this.slotCount = slotCount;
    this.slots = new long[slotCount * SLOT_LONGS];
  }

  /** The number of the bio that completes now, from 0. */
  long number() {
    return nextSequence.getAndIncrement();
  }

  /** How many bios got a number. */
  long count() {
    return nextSequence.get();
  }

  /** Bios that gave way to another one in their slot. */
  long lostCount() {
    return lostCount.sum();
  }

  void put(
      long sequence,
      long startNanos,
      long durationNanos,
      BioOp op,
      int flags,
      long offsetBytes,
      long lengthBytes,
      int errnoNumber,
      long stream,
      Payload payload,
      int crc) {
    int base = (int) (sequence & slotCount - 1) * SLOT_LONGS;
    long stamp = (long) LONGS.getAcquire(slots, base + STAMP);
    boolean busy = (stamp & 1) != 0;
    if (busy
        || stamp > whole(sequence)
        || !LONGS.compareAndSet(slots, base + STAMP, stamp, whole(sequence) - 1)) {
      lostCount.increment();
      return;
    }
    VarHandle.storeStoreFence();
    slots[base + START] = startNanos;
    slots[base + DURATION] = durationNanos;
    slots[base + OFFSET] = offsetBytes;
    slots[base + LENGTH] = lengthBytes;
    slots[base + STREAM] = stream;
    slots[base + ERRNO_AND_CRC] = ((long) errnoNumber << 32) | (crc & 0xffffffffL);
    slots[base + WHAT] =
        ((long) flags << 16) | ((long) payload.code() << 8) | TraceFormat.codeOf(op);
    LONGS.setRelease(slots, base + STAMP, whole(sequence));
  }

  /** The stamp of a slot that holds the bio of this number; one less while it is written. */
  private static long whole(long sequence) {
    return 2 * sequence + 2;
  }

  /** The last bios that are whole, at most so many, the oldest first. */
  List<TraceRecord> last(int countMax) {
    Deque<TraceRecord> found = new ArrayDeque<>();
    long end = nextSequence.get();
    long oldest = Math.max(0, end - slotCount);
    for (long sequence = end - 1; sequence >= oldest && found.size() < countMax; sequence--) {
      int base = (int) (sequence & slotCount - 1) * SLOT_LONGS;
      if ((long) LONGS.getAcquire(slots, base + STAMP) != whole(sequence)) {
        continue;
      }
      TraceRecord bio = read(sequence, base);
      VarHandle.loadLoadFence();
      if ((long) LONGS.getAcquire(slots, base + STAMP) == whole(sequence)) {
        found.addFirst(bio);
      }
    }
    return List.copyOf(found);
  }

  private TraceRecord read(long sequence, int base) {
    long what = slots[base + WHAT];
    long errnoAndCrc = slots[base + ERRNO_AND_CRC];
    // A slot that is written over meanwhile may hold anything, and is left out then.
    Payload payload = Payload.ofCode((int) (what >> 8) & 0xff).orElse(Payload.NONE);
    return new TraceRecord(
        sequence,
        slots[base + START],
        slots[base + DURATION],
        TraceFormat.opOf((byte) what).orElse(BioOp.READ),
        (int) (what >> 16),
        slots[base + OFFSET],
        slots[base + LENGTH],
        (int) (errnoAndCrc >> 32),
        slots[base + STREAM],
        payload,
        (int) errnoAndCrc,
        null);
  }
}
