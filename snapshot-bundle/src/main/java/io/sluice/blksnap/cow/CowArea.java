package io.sluice.blksnap.cow;

import io.sluice.blksnap.diff.DiffSpace;
import io.sluice.blksnap.tracking.BlksnapParameters;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.Lock;
import java.util.function.Supplier;

/**
 * The old data of one device since one take.
 *
 * <p>A chunk is unsaved until somebody saves it: a writer to the origin, before its write, or a
 * writer to the image. Saving copies the chunk from the origin into the store (or finds it all
 * zeroes, and stores nothing), records its slot, and then sets its bit. All of that happens under
 * the region lock of the chunk's word, once; whoever finds the bit set takes no lock. Adjacent
 * unsaved chunks are read and stored together.
 *
 * <p>Whatever goes wrong on the way ends the area, and never the write: the area is
 * <em>corrupted</em>, with an errno, before the write passes. So for a reader of the origin who
 * then finds neither the bit nor the corruption, what it read is the old data (invariant 2 of
 * ARCHITECTURE).
 *
 * <p>Lock order: region lock, then copy buffer, then the store's own.
 */
public final class CowArea {
  /** Told, once, that the area is lost, in the thread of the write that lost it. */
  @FunctionalInterface
  public interface CorruptionListener {
    /**
     * @param cause what went wrong, and on what
     */
    void corrupted(ErrnoException cause);
  }

  private static final int LOCK_COUNT = 256;
  private static final int ALIVE = 0;

  /** From this length on, holes of the origin are looked for before chunks are read. */
  private static final long HOLE_SEARCH_MIN_BYTES = 1 << 20;

  final long capacityBytes;
  final int chunkShift;
  final SavedBits saved;
  final SlotTable slots = new SlotTable();
  final DiffSpace space;
  private final CopyBuffers buffers;
  private final CorruptionListener listener;
  private final Lock[] regionLocks = new Lock[LOCK_COUNT];
  private final AtomicInteger errno = new AtomicInteger(ALIVE);

  private final LongAdder chunksSaved = new LongAdder();
  private final LongAdder chunksZero = new LongAdder();
  private final LongAdder bytesCopied = new LongAdder();

  /**
   * @param capacityBytes the device's length at the take
   * @param chunkShift log2 of the chunk; at most 2^28 chunks
   * @param locks makes the region locks; only lock and unlock are used
   */
  public CowArea(
      long capacityBytes,
      int chunkShift,
      DiffSpace space,
      CopyBuffers buffers,
      Supplier<Lock> locks,
      CorruptionListener listener) {
    this.capacityBytes = capacityBytes;
    this.chunkShift = chunkShift;
    this.saved = new SavedBits(BlksnapParameters.countOf(capacityBytes, chunkShift));
    this.space = space;
    this.buffers = buffers;
    this.listener = listener;
    for (int i = 0; i < LOCK_COUNT; i++) {
      regionLocks[i] = locks.get();
    }
  }

  /**
   * Saves what a write to the origin is about to change. Never fails and never keeps the write for
   * longer than its copy takes: what can't be saved corrupts the area.
   *
   * @param wholeRange whether the operation carries no data (discard, write-zeroes), so that its
   *     range may be long and mostly holes
   * @param origin where the old data are read from: the chain below the filter
   */
  public void saveBefore(
      long offsetBytes, long lengthBytes, boolean wholeRange, BlockDevice origin) {
    long endBytes = Math.min(offsetBytes + lengthBytes, capacityBytes);
    if (endBytes <= offsetBytes || errno.get() != ALIVE) {
      return;
    }
    long firstChunk = offsetBytes >>> chunkShift;
    long lastChunk = (endBytes - 1) >>> chunkShift;
    if (areSaved(firstChunk, lastChunk)) {
      return;
    }
    if (!space.enter()) {
      return; // the snapshot was destroyed meanwhile
    }
    try {
      save(firstChunk, lastChunk, wholeRange, origin);
    } catch (ErrnoException e) {
      corrupt(e);
    } catch (OutOfMemoryError e) {
      corrupt(Errno.ENOMEM, e);
    } catch (RuntimeException | Error e) {
      corrupt(Errno.EFAULT, e);
    } finally {
      space.leave();
    }
  }

  private boolean areSaved(long firstChunk, long lastChunk) {
    int firstWord = (int) (firstChunk >>> SavedBits.WORD_SHIFT);
    int lastWord = (int) (lastChunk >>> SavedBits.WORD_SHIFT);
    for (int word = firstWord; word <= lastWord; word++) {
      long wanted = wordMask(word, firstChunk, lastChunk);
      if ((saved.word(word) & wanted) != wanted) {
        return false;
      }
    }
    return true;
  }

  private static long wordMask(int word, long firstChunk, long lastChunk) {
    long base = (long) word << SavedBits.WORD_SHIFT;
    return SavedBits.mask(
        (int) Math.max(0, firstChunk - base), (int) Math.min(63, lastChunk - base));
  }

  /** Saves every unsaved chunk of a range, or throws. Between enter and leave of the space. */
  void save(long firstChunk, long lastChunk, boolean searchHoles, BlockDevice origin)
      throws ErrnoException {
    if (searchHoles || (lastChunk - firstChunk + 1) << chunkShift >= HOLE_SEARCH_MIN_BYTES) {
      saveHoles(firstChunk, lastChunk, origin);
    }
    int lastWord = (int) (lastChunk >>> SavedBits.WORD_SHIFT);
    for (int word = (int) (firstChunk >>> SavedBits.WORD_SHIFT); word <= lastWord; word++) {
      long wanted = wordMask(word, firstChunk, lastChunk);
      if ((wanted & ~saved.word(word)) == 0) {
        continue;
      }
      Lock lock = lockOf(word);
      lock.lock();
      try {
        checkAlive(); // whoever held the lock before may have found the store full
        saveRuns(word, wanted & ~saved.word(word), origin);
      } finally {
        lock.unlock();
      }
    }
  }

  /** The region lock of a word of 64 chunks. */
  Lock lockOf(int word) {
    return regionLocks[(word * 0x9E3779B9) >>> 24];
  }

  /** Saves the chunks of one word whose bits are given, run by run; the region lock is held. */
  private void saveRuns(int word, long unsaved, BlockDevice origin) throws ErrnoException {
    CopyBuffer buffer = buffers.acquire();
    try {
      long rest = unsaved;
      while (rest != 0) {
        int first = Long.numberOfTrailingZeros(rest);
        int count = Long.numberOfTrailingZeros(~(rest >>> first));
        count = Math.min(count, Math.max(1, CopyBuffer.SIZE_BYTES >>> chunkShift));
        long chunk = ((long) word << SavedBits.WORD_SHIFT) + first;
        if (1 << chunkShift <= CopyBuffer.SIZE_BYTES) {
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

  /** Stores chunks {@code from} to {@code to} of the buffer, together if the space allows. */
  private void storeRun(long chunk, int from, int to, int lengthBytes, ByteBuffer bytes)
      throws ErrnoException {
    int step = to - from;
    for (int at = from; at < to; at += step) {
      int regionBytes = Math.min(step, to - at) << chunkShift;
      long storeOffsetBytes = space.allocate(regionBytes);
      if (storeOffsetBytes < 0) {
        if (step == 1) {
          throw overflow(chunk + at - from);
        }
        step = 1; // the end of the store is taken chunk by chunk
        at -= step;
        continue;
      }
      int end = Math.min(at + step, to);
      bytes.limit(Math.min(end << chunkShift, lengthBytes)).position(at << chunkShift);
      try {
        space.write(storeOffsetBytes, bytes);
      } catch (ErrnoException e) {
        space.giveBack(storeOffsetBytes, regionBytes);
        throw e;
      }
      putSlots(chunk + at - from, end - at, storeOffsetBytes);
      markSaved(chunk + at - from, end - at);
      chunksSaved.add(end - at);
    }
    bytes.limit(lengthBytes); // the chunks behind are still to be looked at
  }

  /** Sets the bits of chunks of one word, whose slots are in place. */
  private void markSaved(long chunk, int chunkCount) {
    int first = (int) (chunk & 63);
    saved.set(
        (int) (chunk >>> SavedBits.WORD_SHIFT), SavedBits.mask(first, first + chunkCount - 1));
  }

  private ErrnoException overflow(long chunk) {
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

  /** Copies a chunk larger than the buffer, piece by piece. */
  private void saveLargeChunk(long chunk, BlockDevice origin, CopyBuffer buffer)
      throws ErrnoException {
    long storeOffsetBytes = space.allocate(1 << chunkShift);
    if (storeOffsetBytes < 0) {
      throw overflow(chunk);
    }
    long startBytes = chunk << chunkShift;
    long lengthBytes = Math.min(1L << chunkShift, capacityBytes - startBytes);
    for (long at = 0; at < lengthBytes; at += CopyBuffer.SIZE_BYTES) {
      int pieceBytes = (int) Math.min(CopyBuffer.SIZE_BYTES, lengthBytes - at);
      readOrigin(origin, startBytes + at, pieceBytes, buffer);
      space.write(storeOffsetBytes + at, buffer.bytes().flip());
    }
    putSlots(chunk, 1, storeOffsetBytes);
    markSaved(chunk, 1);
    chunksSaved.increment();
  }

  private void readOrigin(BlockDevice origin, long offsetBytes, int lengthBytes, CopyBuffer buffer)
      throws ErrnoException {
    ByteBuffer bytes = buffer.bytes();
    bytes.clear().limit(lengthBytes);
    // A plain read: a write's flags on a read have cost others their data.
    origin.submit(buffer.bio().read(offsetBytes, bytes));
    bytesCopied.add(lengthBytes);
  }

  /** Records the chunks that lie wholly in holes of the origin, without reading them. */
  private void saveHoles(long firstChunk, long lastChunk, BlockDevice origin)
      throws ErrnoException {
    long[] at = {firstChunk << chunkShift};
    long endBytes = Math.min((lastChunk + 1) << chunkShift, capacityBytes);
    while (at[0] < endBytes) {
      long askedBytes = at[0];
      origin.status(
          askedBytes,
          endBytes - askedBytes,
          (lengthBytes, state) -> {
            long extentEndBytes = Math.min(at[0] + lengthBytes, endBytes);
            if ((state & ExtentVisitor.ZERO) != 0) {
              saveHole(at[0], extentEndBytes);
            }
            at[0] = extentEndBytes;
            return extentEndBytes < endBytes;
          });
      if (at[0] <= askedBytes) {
        return; // a device that says nothing: its chunks are read
      }
    }
  }

  private void saveHole(long startBytes, long endBytes) {
    long first = BlksnapParameters.countOf(startBytes, chunkShift);
    // The last chunk may be short; it lies in the hole if the hole reaches the device's end.
    long end =
        endBytes == capacityBytes
            ? BlksnapParameters.countOf(endBytes, chunkShift)
            : endBytes >>> chunkShift;
    for (long chunk = first; chunk < end; ) {
      int word = (int) (chunk >>> SavedBits.WORD_SHIFT);
      long wordEnd = Math.min(end, ((long) word + 1) << SavedBits.WORD_SHIFT);
      Lock lock = lockOf(word);
      lock.lock();
      try {
        // Still unsaved means still unwritten, so the hole that was seen is still there.
        putZero(word, wordMask(word, chunk, wordEnd - 1) & ~saved.word(word));
      } finally {
        lock.unlock();
      }
      chunk = wordEnd;
    }
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

  /** 0, or the positive errno that ended the area. */
  public int errno() {
    return errno.get();
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
