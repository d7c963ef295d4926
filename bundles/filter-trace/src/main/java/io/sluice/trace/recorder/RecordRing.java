package io.sluice.trace.recorder;

import io.sluice.trace.format.TraceFormat;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Records on their way to the file: many threads put them in without a lock, one takes them out. A
 * record lies in one piece, as it will in the file, so that the writer's thread copies nothing.
 *
 * <p>A producer claims room, fills in all but the record's first four bytes, and commits by storing
 * the length there; until then the consumer sees zero, for it clears what it has taken.
 */
final class RecordRing {
  /** A record that is none: the room to the ring's end, which the next record did not fit in. */
  private static final int PADDING = 1 << 31;

  private static final VarHandle INT =
      MethodHandles.byteBufferViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

  private final ByteBuffer bytes;
  private final int capacityBytes;
  private final ByteBuffer zeroes = ByteBuffer.allocateDirect(64 << 10);

  /** Where the next record goes; grows for ever. */
  private final AtomicLong tail = new AtomicLong();

  /** How far the consumer has come; grows for ever. */
  private final AtomicLong head = new AtomicLong();

  /**
   * @param capacityBytes a power of two, at least 64 KiB; taken from direct memory
   */
  RecordRing(int capacityBytes) {
    this.capacityBytes = capacityBytes;
    bytes = ByteBuffer.allocateDirect(capacityBytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** The longest record, so that a claim can succeed whatever the position is. */
  int recordMaxBytes() {
    return capacityBytes / 2;
  }

  /**
   * Claims room.
   *
   * @param recordBytes a multiple of {@link TraceFormat#ALIGNMENT_BYTES}, at most {@link
   *     #recordMaxBytes}
   * @return the index of the record's first byte in {@link #bytes}, or -1 if there is no room
   */
  int claim(int recordBytes) {
    while (true) {
      // The head first: it only grows, so the room is never thought larger than it is.
      long from = head.get();
      long to = tail.get();
      int index = (int) (to & capacityBytes - 1);
      int toEndBytes = capacityBytes - index;
      int paddingBytes = recordBytes > toEndBytes ? toEndBytes : 0;
      if (to + paddingBytes + recordBytes - from > capacityBytes) {
        return -1;
      }
      if (tail.compareAndSet(to, to + paddingBytes + recordBytes)) {
        if (paddingBytes > 0) {
          INT.setRelease(bytes, index, PADDING | paddingBytes);
          return 0;
        }
        return index;
      }
    }
  }

  /** The ring's memory, in the order of the file; a producer writes only where it has claimed. */
  ByteBuffer bytes() {
    return bytes;
  }

  /** Hands a record that has been filled in to the consumer. */
  void commit(int index, int recordBytes) {
    INT.setRelease(bytes, index, recordBytes);
  }

  /** Bytes claimed and not taken. */
  long usedBytes() {
    return tail.get() - head.get();
  }

  /** How far producers have come, to be compared with {@link #takenTo}. */
  long claimedTo() {
    return tail.get();
  }

  long takenTo() {
    return head.get();
  }

  /**
   * Whole records that lie side by side and are committed, as they will be in the file; empty if
   * there are none. For the consumer alone, which calls {@link #take} when it is done with them.
   *
   * @param maxBytes at most so much, but at least one record
   */
  ByteBuffer committed(int maxBytes) {
    int from = (int) (head.get() & capacityBytes - 1);
    int to = from;
    while (to < capacityBytes && to - from < maxBytes) {
      int recordBytes = (int) INT.getAcquire(bytes, to);
      if (recordBytes < 0 && to == from) {
        take(recordBytes & ~PADDING);
        return committed(maxBytes);
      }
      if (recordBytes <= 0) {
        break;
      }
      to += recordBytes;
    }
    return bytes.slice(from, to - from).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Gives back the room of what {@link #committed} showed. */
  void take(int takenBytes) {
    long from = head.get();
    int index = (int) (from & capacityBytes - 1);
    for (int done = 0; done < takenBytes; done += zeroes.capacity()) {
      bytes.put(index + done, zeroes, 0, Math.min(zeroes.capacity(), takenBytes - done));
    }
    head.set(from + takenBytes);
  }
}
