package io.sluice.blksnap.cow;

import io.sluice.blksnap.diff.Depositor;
import io.sluice.blksnap.diff.DiffSpace;
import io.sluice.blksnap.tracking.BlksnapParameters;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.snapshot.SectorRange;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;

/**
 * The old data of one device from one take on, until the next take begins another area: a member of
 * a {@link CowChain}.
 *
 * <p>A chunk is unsaved until a writer saves it, before its write: copies it from the origin into
 * the space (or finds it all zeroes, and stores nothing), records its slot, and then sets its bit.
 * All of that happens under the chain's region lock of the chunk's word, once; whoever finds the
 * bit set takes no lock. Adjacent unsaved chunks are read and stored together.
 *
 * <p>Whatever goes wrong on the way ends the area, and never the write: the area is
 * <em>corrupted</em>, with an errno, before the write passes. So for a reader of the origin who
 * then finds neither a bit nor the corruption, what it read is the old data (invariant 2 of
 * ARCHITECTURE). What was saved before stays good for older snapshots; and what the space could not
 * store after all is given to the next older area.
 *
 * <p>What is written to an image is kept in an area of its own, which no chain knows.
 *
 * <p>Lock order: region lock, then copy buffer, then the store's own.
 */
public final class CowArea implements Depositor {
  /** Told, once, that the area is lost, in the thread of the write that lost it. */
  @FunctionalInterface
  public interface CorruptionListener {
    /**
     * @param cause what went wrong, and on what
     */
    void corrupted(ErrnoException cause);
  }

  private static final int ALIVE = 0;

  final long capacityBytes;
  final int chunkShift;
  final SavedBits saved;
  final SlotTable slots = new SlotTable();
  final DiffSpace space;
  private final long chunkCount;
  private final CorruptionListener listener;
  private final AtomicInteger errno = new AtomicInteger(ALIVE);

  private final LongAdder chunksSaved = new LongAdder();
  private final LongAdder chunksZero = new LongAdder();
  private final LongAdder bytesCopied = new LongAdder();

  // Neighbours in the chain; set by it.
  volatile CowArea newer;
  volatile CowArea older;
  // Whether the snapshot that began it is there. Changed under the engine's lock.
  volatile boolean owned = true;

  /**
   * @param capacityBytes the device's length at the take
   * @param chunkShift log2 of the chunk; at most 2^28 chunks
   */
  public CowArea(long capacityBytes, int chunkShift, DiffSpace space, CorruptionListener listener) {
    this.capacityBytes = capacityBytes;
    this.chunkShift = chunkShift;
    this.chunkCount = BlksnapParameters.countOf(capacityBytes, chunkShift);
    this.saved = new SavedBits(chunkCount);
    this.space = space;
    this.listener = listener;
  }

  /** Of the chunks of a word those that are neither saved here nor in a newer area. */
  long unsaved(int word, long wanted) {
    long rest = wanted & existing(word);
    for (CowArea area = this; area != null && rest != 0; area = area.newer) {
      rest &= ~area.saved.word(word);
    }
    return rest;
  }

  /** The device may have grown since: what a newer area has beyond the end is none of this one. */
  private long existing(int word) {
    long left = chunkCount - ((long) word << SavedBits.WORD_SHIFT);
    return left >= 64 ? -1L : left <= 0 ? 0 : SavedBits.mask(0, (int) left - 1);
  }

  /** Saves the chunks of one word whose bits are given, run by run; the region lock is held. */
  void saveRuns(int word, long unsaved, BlockDevice origin, CopyBuffers buffers)
      throws ErrnoException {
    CopyBuffer buffer = buffers.acquire();
    try {
      long rest = unsaved;
      while (rest != 0) {
        int first = Long.numberOfTrailingZeros(rest);
        int count = Long.numberOfTrailingZeros(~(rest >>> first));
        count = Math.min(count, Math.max(1, pieceMaxBytes() >>> chunkShift));
        long chunk = ((long) word << SavedBits.WORD_SHIFT) + first;
        if (1 << chunkShift <= pieceMaxBytes()) {
          saveRun(chunk, count, origin, buffer);
        } else {
          saveLargeChunk(chunk, origin, buffer);
        }
        rest &= ~SavedBits.mask(first, first + count - 1);
      }
    } finally {
      buffers.release(buffer);
    }
  }

  /** Copies adjacent chunks that fit the buffer: one read, one write for each stretch of data. */
  private void saveRun(long chunk, int chunkCount, BlockDevice origin, CopyBuffer buffer)
      throws ErrnoException {
    long startBytes = chunk << chunkShift;
    int lengthBytes = (int) Math.min((long) chunkCount << chunkShift, capacityBytes - startBytes);
    readOrigin(origin, startBytes, lengthBytes, buffer);
    int done = 0;
    while (done < chunkCount) {
      boolean zero = isZeroChunk(buffer.bytes(), done, lengthBytes);
      int end = done + 1;
      while (end < chunkCount && isZeroChunk(buffer.bytes(), end, lengthBytes) == zero) {
        end++;
      }
      if (zero) {
        slots.putRun(chunk + done, end - done, SlotTable.ZERO_SLOT, 0);
        markSaved(chunk + done, end - done);
        chunksZero.add(end - done);
      } else {
        storeRun(chunk + done, done, end, lengthBytes, buffer.bytes());
      }
      done = end;
    }
  }

  private boolean isZeroChunk(ByteBuffer bytes, int index, int lengthBytes) {
    int from = index << chunkShift;
    return isZero(bytes, from, Math.min(from + (1 << chunkShift), lengthBytes));
  }

  /** Hands chunks {@code from} to {@code to} of the buffer over to the space. */
  private void storeRun(long chunk, int from, int to, int lengthBytes, ByteBuffer bytes)
      throws ErrnoException {
    bytes.limit(Math.min(to << chunkShift, lengthBytes));
    int at = from;
    while (at < to) {
      long first = chunk + at - from;
      bytes.position(at << chunkShift);
      long storeOffsetBytes = space.save(bytes, 1 << chunkShift, this, first);
      if (storeOffsetBytes < 0) {
        throw overflow(first);
      }
      int count = (int) BlksnapParameters.countOf(bytes.position(), chunkShift) - at;
      putSlots(first, count, storeOffsetBytes);
      markSaved(first, count);
      chunksSaved.add(count);
      at += count;
    }
    bytes.limit(lengthBytes); // the chunks behind are still to be looked at
  }

  /**
   * The space could not store chunks that it had taken over. Their snapshot is lost, but older ones
   * are not: the next that lacks them takes them. No writer saves them meanwhile, for he would find
   * their bits here, or waits for the region lock of him who is about to set them.
   */
  @Override
  public void notStored(long firstChunk, ByteBuffer data, ErrnoException cause) {
    corrupt(cause);
    int count = (int) BlksnapParameters.countOf(data.remaining(), chunkShift);
    for (int i = 0; i < count; i++) {
      int from = data.position() + (i << chunkShift);
      int lengthBytes = Math.min(1 << chunkShift, data.limit() - from);
      CowArea heir = older;
      while (heir != null && !heir.inherit(firstChunk + i, data.slice(from, lengthBytes))) {
        heir = heir.older;
      }
    }
  }

  /** Takes a chunk that no newer area has any more; false if this one is lost by it, or was. */
  private boolean inherit(long chunk, ByteBuffer data) {
    if (saved.isSaved(chunk) || chunk >= chunkCount) {
      return true; // and older ones find it here, or have no such chunk either
    }
    if (errno() != ALIVE || !space.enter()) {
      return false;
    }
    try {
      storeRun(chunk, 0, 1, data.remaining(), data);
      return true;
    } catch (ErrnoException e) {
      corrupt(e);
    } catch (OutOfMemoryError e) {
      corrupt(Errno.ENOMEM, e);
    } finally {
      space.leaveSoon();
    }
    return false;
  }

  /** Sets the bits of chunks of one word, whose slots are in place. */
  private void markSaved(long chunk, int chunkCount) {
    int first = (int) (chunk & 63);
    saved.set(
        (int) (chunk >>> SavedBits.WORD_SHIFT), SavedBits.mask(first, first + chunkCount - 1));
  }

  ErrnoException overflow(long chunk) {
    return new ErrnoException(
        Errno.ENOSPC,
        "chunk "
            + chunk
            + " of "
            + (1L << chunkShift)
            + " bytes: "
            + space.info().description()
            + " is full at its limit of "
            + space.info().limitBytes()
            + " bytes");
  }

  void putSlots(long chunk, int chunkCount, long storeOffsetBytes) {
    slots.putRun(
        chunk,
        chunkCount,
        storeOffsetBytes / SlotTable.SLOT_UNIT_BYTES,
        (1L << chunkShift) / SlotTable.SLOT_UNIT_BYTES);
  }

  /** The longest piece that is read, and handed over, at once. */
  private int pieceMaxBytes() {
    return Math.min(CopyBuffer.SIZE_BYTES, space.saveMaxBytes());
  }

  /**
   * Copies a chunk larger than that, piece by piece, and waits for all to be stored: a piece that
   * was not could not be given to an older area without the others.
   */
  private void saveLargeChunk(long chunk, BlockDevice origin, CopyBuffer buffer)
      throws ErrnoException {
    long storeOffsetBytes = space.allocate(1 << chunkShift);
    if (storeOffsetBytes < 0) {
      throw overflow(chunk);
    }
    long startBytes = chunk << chunkShift;
    long lengthBytes = Math.min(1L << chunkShift, capacityBytes - startBytes);
    AtomicReference<ErrnoException> failure = new AtomicReference<>();
    for (long at = 0; at < lengthBytes; at += pieceMaxBytes()) {
      int pieceBytes = (int) Math.min(pieceMaxBytes(), lengthBytes - at);
      readOrigin(origin, startBytes + at, pieceBytes, buffer);
      space.saveAt(
          storeOffsetBytes + at, buffer.bytes().flip(), (unit, data, e) -> failure.set(e), chunk);
    }
    space.awaitStored(storeOffsetBytes, storeOffsetBytes + lengthBytes);
    if (failure.get() != null) {
      throw failure.get();
    }
    put(chunk, storeOffsetBytes);
  }

  void readOrigin(BlockDevice origin, long offsetBytes, int lengthBytes, CopyBuffer buffer)
      throws ErrnoException {
    ByteBuffer bytes = buffer.bytes();
    bytes.clear().limit(lengthBytes);
    // A plain read: a write's flags on a read have cost others their data.
    origin.submit(buffer.bio().read(offsetBytes, bytes));
    bytesCopied.add(lengthBytes);
  }

  /** Makes chunks of a word zero; the region lock is held. */
  void putZero(int word, long bits) {
    long base = (long) word << SavedBits.WORD_SHIFT;
    for (long rest = bits; rest != 0; rest &= rest - 1) {
      slots.putRun(base + Long.numberOfTrailingZeros(rest), 1, SlotTable.ZERO_SLOT, 0);
      chunksZero.increment();
    }
    if (bits != 0) {
      saved.set(word, bits);
    }
  }

  /** A chunk of zeroes has been given data by the image's writer. */
  void zeroFilled() {
    chunksZero.decrement();
    chunksSaved.increment();
  }

  /** Records a chunk whose data are in place; the region lock is held. */
  void put(long chunk, long storeOffsetBytes) {
    putSlots(chunk, 1, storeOffsetBytes);
    markSaved(chunk, 1);
    chunksSaved.increment();
  }

  private static boolean isZero(ByteBuffer bytes, int from, int to) {
    int at = from;
    for (; at + Long.BYTES <= to; at += Long.BYTES) {
      if (bytes.getLong(at) != 0) {
        return false;
      }
    }
    for (; at < to; at++) {
      if (bytes.get(at) != 0) {
        return false;
      }
    }
    return true;
  }

  /** Ends the area: its image answers EIO from now on. The first cause is kept and told. */
  public void corrupt(ErrnoException cause) {
    corrupt(cause.errno(), cause);
  }

  /** As above, for what may be out of memory: the image ends first, and without needing any. */
  public void corrupt(Errno why, Throwable cause) {
    if (!errno.compareAndSet(ALIVE, why.number())) {
      return;
    }
    try {
      listener.corrupted(
          cause instanceof ErrnoException told
              ? told
              : new ErrnoException(why, "copy-on-write: " + cause, cause));
    } catch (RuntimeException | Error e) {
      // A write waits for this and must pass. Without memory for an event, info() tells the errno.
      return;
    }
  }

  /**
   * Refuses what can't be done any more.
   *
   * @throws ErrnoException EIO if the area is corrupted
   */
  void checkAlive() throws ErrnoException {
    int number = errno.get();
    if (number != ALIVE) {
      throw new ErrnoException(
          Errno.EIO,
          "the snapshot is lost on this device ("
              + Errno.ofNumber(number)
              + ": "
              + Errno.ofNumber(number).meaning()
              + "); the live device is not affected. Destroy it and take another");
    }
  }

  /** The ranges of the chunks saved here, in order and merged, clipped at the device's end. */
  public List<SectorRange> savedRanges() {
    List<SectorRange> ranges = new ArrayList<>();
    long first = -1;
    for (long chunk = 0; chunk < chunkCount; chunk++) {
      boolean isSaved = saved.isSaved(chunk);
      if (isSaved && first < 0) {
        first = chunk;
      } else if (!isSaved && first >= 0) {
        ranges.add(range(first, chunk));
        first = -1;
      }
      if (!isSaved
          && (chunk & 63) == 0
          && saved.word((int) (chunk >>> SavedBits.WORD_SHIFT)) == 0) {
        chunk += 63; // most words have none
      }
    }
    if (first >= 0) {
      ranges.add(range(first, chunkCount));
    }
    return ranges;
  }

  private SectorRange range(long firstChunk, long endChunk) {
    long firstSector = BlksnapParameters.sectorsOf(firstChunk << chunkShift);
    long endBytes = Math.min(endChunk << chunkShift, capacityBytes);
    return new SectorRange(firstSector, BlksnapParameters.sectorsOf(endBytes) - firstSector);
  }

  /** 0, or the positive errno that ended the area. */
  public int errno() {
    return errno.get();
  }

  /** The device's length at the take. */
  public long capacityBytes() {
    return capacityBytes;
  }

  /** log2 of the chunk in bytes. */
  public int chunkShift() {
    return chunkShift;
  }

  /** Chunks with data in the store. */
  public long chunksSaved() {
    return chunksSaved.sum();
  }

  /** Chunks known to be zeroes. */
  public long chunksZero() {
    return chunksZero.sum();
  }

  /** Bytes read from the origin to be kept. */
  public long bytesCopied() {
    return bytesCopied.sum();
  }
}
