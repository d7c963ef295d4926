package io.sluice.blksnap.cow;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import java.nio.ByteBuffer;
import java.util.concurrent.locks.Lock;

/**
 * The device as it was at the take: saved chunks from the store, the others from the origin; and
 * the same bytes to write to, for an image's writer.
 *
 * <p>A read of unsaved chunks takes no lock: it reads the origin and looks at the bits again. A
 * chunk that was saved meanwhile is read once more, from the store. Each repetition is caused by a
 * chunk that became saved, so there are no more than the range has chunks. Answers about block
 * status come from the same bits and slots, looked at in the same order.
 *
 * <p>All methods run between {@code enter} and {@code leave} of the area's space.
 */
public final class CowView {
  private static final int ZEROES_BYTES = 64 << 10;
  private static final ByteBuffer ZEROES =
      ByteBuffer.allocateDirect(ZEROES_BYTES).asReadOnlyBuffer();
  private static final int STATUS_EXTENTS_MAX = 256;

  /** For reads of a part of the caller's range, which can't use his bio. */
  private static final ThreadLocal<Bio> PART = ThreadLocal.withInitial(Bio::new);

  private final CowArea area;
  private final int shift;

  /**
   * @param area the old data
   */
  public CowView(CowArea area) {
    this.area = area;
    this.shift = area.chunkShift;
  }

  /**
   * Reads a range as of the take.
   *
   * @param target filled from position to limit
   * @param origin the chain below the filter
   * @throws ErrnoException EIO if the area is corrupted; what reading the store or the origin
   *     throws
   */
  public void read(long offsetBytes, ByteBuffer target, BlockDevice origin) throws ErrnoException {
    int limit = target.limit();
    long at = offsetBytes;
    long endBytes = offsetBytes + target.remaining();
    while (at < endBytes) {
      long chunk = at >>> shift;
      boolean saved = area.saved.isSaved(chunk);
      long runEndChunk = runEnd(chunk, (endBytes - 1) >>> shift, saved);
      int runBytes = (int) (Math.min(runEndChunk << shift, endBytes) - at);
      target.limit(target.position() + runBytes);
      at += saved ? readSaved(at, target) : readUnsaved(at, target, origin);
      target.limit(limit);
    }
    // Last, so that what was read from the origin beside a failing copy is not handed out.
    area.checkAlive();
  }

  /** The first chunk from {@code chunk} on whose state differs, or {@code lastChunk + 1}. */
  private long runEnd(long chunk, long lastChunk, boolean saved) {
    long at = chunk;
    while (at <= lastChunk) {
      long word = area.saved.word((int) (at >>> SavedBits.WORD_SHIFT)) >>> at;
      int sameCount = saved ? Long.numberOfTrailingZeros(~word) : Long.numberOfTrailingZeros(word);
      int leftInWord = 64 - (int) (at & 63);
      if (sameCount < leftInWord) {
        return Math.min(at + sameCount, lastChunk + 1);
      }
      at += leftInWord;
    }
    return lastChunk + 1;
  }

  private int readUnsaved(long at, ByteBuffer target, BlockDevice origin) throws ErrnoException {
    int start = target.position();
    int wantedBytes = target.remaining();
    origin.submit(PART.get().read(at, target));
    long firstChunk = at >>> shift;
    long lastChunk = (at + wantedBytes - 1) >>> shift;
    long goodEnd = runEnd(firstChunk, lastChunk, false);
    if (goodEnd > lastChunk) {
      return wantedBytes;
    }
    int goodBytes = (int) Math.max(0, (goodEnd << shift) - at);
    target.position(start + goodBytes);
    return goodBytes;
  }

  /** Reads the leading chunks that lie together in the store, or are zeroes together. */
  private int readSaved(long at, ByteBuffer target) throws ErrnoException {
    long chunk = at >>> shift;
    long lastChunk = (at + target.remaining() - 1) >>> shift;
    long slot = area.slots.get(chunk);
    long step = slot == SlotTable.ZERO_SLOT ? 0 : (1L << shift) / SlotTable.SLOT_UNIT_BYTES;
    long end = chunk + 1;
    while (end <= lastChunk && area.slots.get(end) == slot + (end - chunk) * step) {
      end++;
    }
    int lengthBytes = (int) Math.min((end << shift) - at, target.remaining());
    target.limit(target.position() + lengthBytes);
    if (slot == SlotTable.ZERO_SLOT) {
      fillZero(target);
    } else {
      area.space.read(storeOffsetBytes(slot, at), target);
    }
    return lengthBytes;
  }

  private long storeOffsetBytes(long slot, long at) throws ErrnoException {
    if (slot == SlotTable.NO_SLOT) { // the bit and the slot contradict each other: our own fault
      ErrnoException cause =
          new ErrnoException(
              Errno.EFAULT, "chunk " + (at >>> shift) + " is marked saved but has no slot");
      area.corrupt(cause);
      throw cause;
    }
    return slot * SlotTable.SLOT_UNIT_BYTES + (at & ((1L << shift) - 1));
  }

  private static void fillZero(ByteBuffer target) {
    while (target.hasRemaining()) {
      int pieceBytes = Math.min(target.remaining(), ZEROES_BYTES);
      target.put(target.position(), ZEROES, 0, pieceBytes);
      target.position(target.position() + pieceBytes);
    }
  }

  /**
   * Writes to the image. The origin's old data are saved first, so the rest of a chunk stays what
   * it was.
   *
   * @param data stored from position to limit; null for zeroes
   * @throws ErrnoException ENOSPC if the store is full, which harms nothing but this write; EIO if
   *     the area is corrupted; what the store or the origin throws
   */
  public void write(long offsetBytes, long lengthBytes, ByteBuffer data, BlockDevice origin)
      throws ErrnoException {
    area.checkAlive();
    if (lengthBytes == 0) {
      return;
    }
    long endBytes = offsetBytes + lengthBytes;
    long at = offsetBytes;
    while (at < endBytes) {
      long chunk = at >>> shift;
      long pieceEnd = Math.min((chunk + 1) << shift, endBytes);
      writeInChunk(chunk, at, (int) (pieceEnd - at), data, origin);
      at = pieceEnd;
    }
    area.checkAlive();
  }

  private void writeInChunk(
      long chunk, long at, int lengthBytes, ByteBuffer data, BlockDevice origin)
      throws ErrnoException {
    int word = (int) (chunk >>> SavedBits.WORD_SHIFT);
    if (!area.saved.isSaved(chunk) && !(data == null && zeroWhole(chunk, word, at, lengthBytes))) {
      area.save(chunk, chunk, false, origin);
    }
    Lock lock = area.lockOf(word);
    lock.lock();
    try {
      long slot = area.slots.get(chunk);
      if (slot == SlotTable.ZERO_SLOT) {
        if (data != null) {
          fillZeroChunk(chunk, at, lengthBytes, data);
        }
        return;
      }
      long storeOffsetBytes = storeOffsetBytes(slot, at);
      if (data == null) {
        writeZeroes(storeOffsetBytes, lengthBytes);
      } else {
        int limit = data.limit();
        data.limit(data.position() + lengthBytes);
        area.space.write(storeOffsetBytes, data);
        data.limit(limit);
      }
    } finally {
      lock.unlock();
    }
  }

  /** Zeroes over a whole unsaved chunk need neither its old data nor space. */
  private boolean zeroWhole(long chunk, int word, long at, int lengthBytes) {
    long startBytes = chunk << shift;
    if (at != startBytes || lengthBytes < Math.min(1L << shift, area.capacityBytes - startBytes)) {
      return false;
    }
    Lock lock = area.lockOf(word);
    lock.lock();
    try {
      area.putZero(word, (1L << chunk) & ~area.saved.word(word));
    } finally {
      lock.unlock();
    }
    return true;
  }

  /** Gives a chunk of zeroes a place in the store and writes into it; the region lock is held. */
  private void fillZeroChunk(long chunk, long at, int lengthBytes, ByteBuffer data)
      throws ErrnoException {
    long storeOffsetBytes = area.space.allocate(1 << shift);
    if (storeOffsetBytes < 0) {
      throw new ErrnoException(
          Errno.ENOSPC,
          "image write of "
              + lengthBytes
              + " bytes: "
              + area.space.info().description()
              + " is full");
    }
    try {
      fillChunk(chunk, at, lengthBytes, data, storeOffsetBytes);
    } catch (ErrnoException e) {
      area.space.giveBack(storeOffsetBytes, 1 << shift);
      throw e;
    }
    area.putSlots(chunk, 1, storeOffsetBytes);
    area.zeroFilled();
  }

  private void fillChunk(
      long chunk, long at, int lengthBytes, ByteBuffer data, long storeOffsetBytes)
      throws ErrnoException {
    long chunkStart = chunk << shift;
    long chunkEnd = Math.min((chunk + 1) << shift, area.capacityBytes);
    writeZeroes(storeOffsetBytes, (int) (at - chunkStart));
    int limit = data.limit();
    data.limit(data.position() + lengthBytes);
    area.space.write(storeOffsetBytes + (at - chunkStart), data);
    data.limit(limit);
    long written = at + lengthBytes;
    writeZeroes(storeOffsetBytes + (written - chunkStart), (int) (chunkEnd - written));
  }

  private void writeZeroes(long storeOffsetBytes, int lengthBytes) throws ErrnoException {
    if (lengthBytes == 0) {
      return;
    }
    ByteBuffer zeroes = ZEROES.duplicate();
    for (int at = 0; at < lengthBytes; at += ZEROES_BYTES) {
      zeroes.clear().limit(Math.min(ZEROES_BYTES, lengthBytes - at));
      area.space.write(storeOffsetBytes + at, zeroes);
    }
  }

  /**
   * Block status as of the take. May stop before the range's end.
   *
   * @throws ErrnoException EIO if the area is corrupted; what the origin's status throws
   */
  public void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor, BlockDevice origin)
      throws ErrnoException {
    long endBytes = Math.min(offsetBytes + lengthBytes, area.capacityBytes);
    long at = offsetBytes;
    while (at < endBytes) {
      long chunk = at >>> shift;
      boolean saved = area.saved.isSaved(chunk);
      long runEndBytes = runEnd(chunk, (endBytes - 1) >>> shift, saved) << shift;
      long partBytes = Math.min(runEndBytes, endBytes) - at;
      OriginExtents extents = null;
      if (!saved) {
        extents = new OriginExtents(partBytes);
        origin.status(at, partBytes, extents);
        partBytes = stillUnsavedBytes(at, extents.totalBytes());
        if (partBytes == 0) {
          continue; // saved meanwhile
        }
      }
      area.checkAlive();
      boolean more =
          saved
              ? visitSaved(chunk, at, at + partBytes, visitor)
              : extents.replay(partBytes, visitor);
      if (!more) {
        return;
      }
      at += partBytes;
    }
  }

  private long stillUnsavedBytes(long at, long lengthBytes) {
    long lastChunk = (at + lengthBytes - 1) >>> shift;
    long goodEnd = runEnd(at >>> shift, lastChunk, false);
    return goodEnd > lastChunk ? lengthBytes : Math.max(0, (goodEnd << shift) - at);
  }

  private boolean visitSaved(long firstChunk, long from, long endBytes, ExtentVisitor visitor) {
    long at = from;
    long chunk = firstChunk;
    while (at < endBytes) {
      boolean zero = area.slots.get(chunk) == SlotTable.ZERO_SLOT;
      chunk++;
      while (chunk << shift < endBytes && (area.slots.get(chunk) == SlotTable.ZERO_SLOT) == zero) {
        chunk++;
      }
      long end = Math.min(chunk << shift, endBytes);
      int state = zero ? ExtentVisitor.HOLE | ExtentVisitor.ZERO : ExtentVisitor.DATA;
      if (!visitor.extent(end - at, state)) {
        return false;
      }
      at = end;
    }
    return true;
  }

  /** What the origin says, kept until it is known to be of the take. */
  private static final class OriginExtents implements ExtentVisitor {
    private final long[] lengths = new long[STATUS_EXTENTS_MAX];
    private final int[] states = new int[STATUS_EXTENTS_MAX];
    private final long maxBytes;
    private long totalBytes;
    private int count;

    OriginExtents(long maxBytes) {
      this.maxBytes = maxBytes;
    }

    @Override
    public boolean extent(long lengthBytes, int state) {
      lengths[count] = Math.min(lengthBytes, maxBytes - totalBytes);
      states[count] = state;
      totalBytes += lengths[count];
      count++;
      return count < STATUS_EXTENTS_MAX && totalBytes < maxBytes;
    }

    long totalBytes() {
      return totalBytes;
    }

    boolean replay(long lengthBytes, ExtentVisitor visitor) {
      long left = lengthBytes;
      for (int i = 0; i < count && left > 0; i++) {
        long part = Math.min(lengths[i], left);
        if (!visitor.extent(part, states[i])) {
          return false;
        }
        left -= part;
      }
      return true;
    }
  }
}
