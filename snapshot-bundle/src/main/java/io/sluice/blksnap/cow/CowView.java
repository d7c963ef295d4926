package io.sluice.blksnap.cow;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import java.nio.ByteBuffer;
import java.util.concurrent.locks.Lock;

/**
 * The device as it was at a take: chunks written to the image from its own area, saved ones from
 * the store of the first area that has them, from the take's own on, the others from the origin.
 *
 * <p>A read of unsaved chunks takes no lock: it reads the origin and looks at the bits again. A
 * chunk that was saved meanwhile is read once more, from the store. Each repetition is caused by a
 * chunk that became saved, so there are no more than the range has chunks. Answers about block
 * status come from the same bits and slots, looked at in the same order.
 *
 * <p>What is written goes into an area that no other image knows: the first write to a chunk brings
 * the rest of it along, under the region lock, which keeps the origin's chunk as it is.
 *
 * <p>All methods run between {@code enter} and {@code leave} of the area's space.
 */
public final class CowView {
  private static final int ZEROES_BYTES = 64 << 10;
  private static final ByteBuffer ZEROES =
      ByteBuffer.allocateDirect(ZEROES_BYTES).asReadOnlyBuffer();
  // A hole alone may read as anything.
  private static final int ABSENT = ExtentVisitor.HOLE | ExtentVisitor.ZERO;
  private static final int OWN_DEPTH = 1;
  private static final int ORIGIN_DEPTH = 2;

  /** For reads of a part of the caller's range, which can't use his bio. */
  private static final ThreadLocal<Bio> PART = ThreadLocal.withInitial(Bio::new);

  private final CowChain chain;
  private final CowArea area;
  private final CowArea written;
  private final int shift;

  /**
   * @param chain the device's old data
   * @param area what begins with the take
   * @param written what is written to the image; of the same size, chunk and store
   */
  public CowView(CowChain chain, CowArea area, CowArea written) {
    this.chain = chain;
    this.area = area;
    this.written = written;
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
      CowArea source = sourceOf(chunk);
      long runEndChunk = runEnd(source, chunk + 1, (endBytes - 1) >>> shift);
      int runBytes = (int) (Math.min(runEndChunk << shift, endBytes) - at);
      target.limit(target.position() + runBytes);
      at += source == null ? readUnsaved(at, target, origin) : readSaved(source, at, target);
      target.limit(limit);
    }
    // Last, so that what was read from the origin beside a failing copy is not handed out.
    area.checkAlive();
  }

  /** The area that has a chunk as of the take, or null if the origin has. */
  private CowArea sourceOf(long chunk) {
    return written.saved.isSaved(chunk) ? written : savedIn(chunk);
  }

  private CowArea savedIn(long chunk) {
    CowArea at = area;
    while (at != null && !at.saved.isSaved(chunk)) {
      at = at.newer;
    }
    return at;
  }

  /** Of a word's chunks those that a source has as of the take. */
  private long chunksOf(CowArea source, int word) {
    long found = written.saved.word(word);
    if (source == written) {
      return found;
    }
    for (CowArea at = area; at != null; at = at.newer) {
      long saved = at.saved.word(word);
      if (at == source) {
        return saved & ~found;
      }
      found |= saved;
    }
    return ~found;
  }

  /** The first chunk from {@code chunk} on with another source, or {@code lastChunk + 1}. */
  private long runEnd(CowArea source, long chunk, long lastChunk) {
    long at = chunk;
    while (at <= lastChunk) {
      long same = chunksOf(source, (int) (at >>> SavedBits.WORD_SHIFT)) >>> at;
      int sameCount = Long.numberOfTrailingZeros(~same);
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
    long goodEnd = runEnd(null, firstChunk, lastChunk);
    if (goodEnd > lastChunk) {
      return wantedBytes;
    }
    int goodBytes = (int) Math.max(0, (goodEnd << shift) - at);
    target.position(start + goodBytes);
    return goodBytes;
  }

  /**
   * Reads the leading chunks that lie together in the store, or are zeroes together.
   *
   * @return the bytes read, or 0 if the source has lost them to an older one: to be looked for
   *     again
   */
  private int readSaved(CowArea source, long at, ByteBuffer target) throws ErrnoException {
    long chunk = at >>> shift;
    long lastChunk = (at + target.remaining() - 1) >>> shift;
    long slot = source.slots.get(chunk);
    long step = slot == SlotTable.ZERO_SLOT ? 0 : (1L << shift) / SlotTable.SLOT_UNIT_BYTES;
    long end = chunk + 1;
    while (end <= lastChunk && source.slots.get(end) == slot + (end - chunk) * step) {
      end++;
    }
    int lengthBytes = (int) Math.min((end << shift) - at, target.remaining());
    target.limit(target.position() + lengthBytes);
    if (slot == SlotTable.ZERO_SLOT) {
      fillZero(target);
      return lengthBytes;
    }
    int start = target.position();
    try {
      readStore(source, storeOffsetBytes(slot, at), target);
    } catch (ErrnoException e) {
      if (source == area || source.errno() == 0 || runEnd(source, chunk, end - 1) == end) {
        throw e;
      }
      target.position(start); // its store has failed it, and an older area got its chunks
      return 0;
    }
    return lengthBytes;
  }

  /** Reads from another snapshot's store too, which stays open while this one is held. */
  private void readStore(CowArea source, long storeOffsetBytes, ByteBuffer target)
      throws ErrnoException {
    if (!source.space.enter()) {
      throw new ErrnoException(Errno.EIO, "the snapshot was destroyed");
    }
    try {
      source.space.read(storeOffsetBytes, target);
    } finally {
      source.space.leave();
    }
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
   * Writes to the image alone.
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
    Lock lock = chain.lockOf(word);
    lock.lock();
    try {
      if (!written.saved.isSaved(chunk)) {
        if (data == null && (isWhole(chunk, at, lengthBytes) || isZero(chunk))) {
          written.putZero(word, 1L << chunk);
        } else {
          bringChunk(chunk, at, lengthBytes, data, origin);
        }
        return;
      }
      long slot = written.slots.get(chunk);
      if (slot != SlotTable.ZERO_SLOT) {
        writePart(storeOffsetBytes(slot, at), lengthBytes, data);
      } else if (data != null) {
        fillZeroChunk(chunk, at, lengthBytes, data);
      }
    } finally {
      lock.unlock();
    }
  }

  private boolean isWhole(long chunk, long at, int lengthBytes) {
    long startBytes = chunk << shift;
    return at == startBytes && lengthBytes >= chunkBytes(chunk);
  }

  private int chunkBytes(long chunk) {
    return (int) Math.min(1L << shift, area.capacityBytes - (chunk << shift));
  }

  private boolean isZero(long chunk) {
    CowArea source = savedIn(chunk);
    return source != null && source.slots.get(chunk) == SlotTable.ZERO_SLOT;
  }

  /** Gives a chunk a place among what is written, with its old data around the new. */
  private void bringChunk(long chunk, long at, int lengthBytes, ByteBuffer data, BlockDevice origin)
      throws ErrnoException {
    long storeOffsetBytes = allocate(lengthBytes);
    try {
      if (!isWhole(chunk, at, lengthBytes)) {
        CopyBuffer buffer = chain.imageBuffers.acquire();
        try {
          copyChunk(chunk, storeOffsetBytes, buffer, origin);
        } finally {
          chain.imageBuffers.release(buffer);
        }
      }
      writePart(storeOffsetBytes + (at - (chunk << shift)), lengthBytes, data);
    } catch (ErrnoException e) {
      written.space.giveBack(storeOffsetBytes, 1 << shift);
      throw e;
    }
    written.put(chunk, storeOffsetBytes);
  }

  /** The region lock is held, so an unsaved chunk of the origin is as of the take. */
  private void copyChunk(long chunk, long storeOffsetBytes, CopyBuffer buffer, BlockDevice origin)
      throws ErrnoException {
    long startBytes = chunk << shift;
    int chunkBytes = chunkBytes(chunk);
    for (int done = 0; done < chunkBytes; done += CopyBuffer.SIZE_BYTES) {
      int pieceBytes = Math.min(CopyBuffer.SIZE_BYTES, chunkBytes - done);
      ByteBuffer bytes = buffer.bytes();
      do {
        CowArea source = savedIn(chunk);
        if (source == null) {
          written.readOrigin(origin, startBytes + done, pieceBytes, buffer);
        } else {
          readSaved(source, startBytes + done, bytes.clear().limit(pieceBytes));
        }
      } while (bytes.hasRemaining());
      written.space.write(storeOffsetBytes + done, buffer.bytes().flip());
    }
  }

  private void writePart(long storeOffsetBytes, int lengthBytes, ByteBuffer data)
      throws ErrnoException {
    if (data == null) {
      writeZeroes(storeOffsetBytes, lengthBytes);
      return;
    }
    int limit = data.limit();
    data.limit(data.position() + lengthBytes);
    written.space.write(storeOffsetBytes, data);
    data.limit(limit);
  }

  private long allocate(int lengthBytes) throws ErrnoException {
    long storeOffsetBytes = written.space.allocate(1 << shift);
    if (storeOffsetBytes < 0) {
      throw new ErrnoException(
          Errno.ENOSPC,
          "image write of "
              + lengthBytes
              + " bytes: "
              + written.space.info().description()
              + " is full");
    }
    return storeOffsetBytes;
  }

  /** Gives a chunk of zeroes a place in the store and writes into it; the region lock is held. */
  private void fillZeroChunk(long chunk, long at, int lengthBytes, ByteBuffer data)
      throws ErrnoException {
    long storeOffsetBytes = allocate(lengthBytes);
    int before = (int) (at - (chunk << shift));
    int after = before + lengthBytes;
    try {
      writeZeroes(storeOffsetBytes, before);
      writePart(storeOffsetBytes + before, lengthBytes, data);
      writeZeroes(storeOffsetBytes + after, chunkBytes(chunk) - after);
    } catch (ErrnoException e) {
      written.space.giveBack(storeOffsetBytes, 1 << shift);
      throw e;
    }
    written.putSlots(chunk, 1, storeOffsetBytes);
    written.zeroFilled();
  }

  private void writeZeroes(long storeOffsetBytes, int lengthBytes) throws ErrnoException {
    if (lengthBytes == 0) {
      return;
    }
    ByteBuffer zeroes = ZEROES.duplicate();
    for (int at = 0; at < lengthBytes; at += ZEROES_BYTES) {
      zeroes.clear().limit(Math.min(ZEROES_BYTES, lengthBytes - at));
      written.space.write(storeOffsetBytes + at, zeroes);
    }
  }

  /**
   * Block status as of the take. May stop before the range's end.
   *
   * @throws ErrnoException EIO if the area is corrupted; what the origin's status throws
   */
  public void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor, BlockDevice origin)
      throws ErrnoException {
    walk(offsetBytes, lengthBytes, visitor, origin, false);
  }

  /**
   * How deep the bytes of the take lie: 0 where nothing takes space, 1 in this image's store, 2 in
   * that of a newer snapshot or in the origin. May stop before the range's end.
   *
   * @throws ErrnoException as {@link #status}
   */
  public void depth(long offsetBytes, long lengthBytes, ExtentVisitor visitor, BlockDevice origin)
      throws ErrnoException {
    walk(offsetBytes, lengthBytes, visitor, origin, true);
  }

  /** Fails once the image is lost, and with it all that is known of it. */
  public void checkAlive() throws ErrnoException {
    area.checkAlive();
  }

  private void walk(
      long offsetBytes, long lengthBytes, ExtentVisitor visitor, BlockDevice origin, boolean depth)
      throws ErrnoException {
    ExtentVisitor fromOrigin = depth ? asDepth(visitor, ORIGIN_DEPTH) : visitor;
    long endBytes = Math.min(offsetBytes + lengthBytes, area.capacityBytes);
    long at = offsetBytes;
    while (at < endBytes) {
      long chunk = at >>> shift;
      CowArea source = sourceOf(chunk);
      long runEndBytes = runEnd(source, chunk + 1, (endBytes - 1) >>> shift) << shift;
      long partBytes = Math.min(runEndBytes, endBytes) - at;
      OriginExtents extents = null;
      if (source == null) {
        extents = new OriginExtents(partBytes);
        origin.status(at, partBytes, extents);
        partBytes = stillUnsavedBytes(at, extents.totalBytes());
        if (partBytes == 0) {
          continue; // saved meanwhile
        }
      }
      area.checkAlive();
      boolean more =
          source == null
              ? extents.replay(partBytes, fromOrigin)
              : visitSaved(
                  source, at, at + partBytes, depth ? asDepth(visitor, depthOf(source)) : visitor);
      if (!more) {
        return;
      }
      at += partBytes;
    }
  }

  private int depthOf(CowArea source) {
    return source == area || source == written ? OWN_DEPTH : ORIGIN_DEPTH;
  }

  /** Hands on block status as depth. */
  private static ExtentVisitor asDepth(ExtentVisitor visitor, int dataDepth) {
    return (lengthBytes, state) -> visitor.extent(lengthBytes, state == ABSENT ? 0 : dataDepth);
  }

  private long stillUnsavedBytes(long at, long lengthBytes) {
    long lastChunk = (at + lengthBytes - 1) >>> shift;
    long goodEnd = runEnd(null, at >>> shift, lastChunk);
    return goodEnd > lastChunk ? lengthBytes : Math.max(0, (goodEnd << shift) - at);
  }

  private boolean visitSaved(CowArea source, long from, long endBytes, ExtentVisitor visitor) {
    long at = from;
    long chunk = from >>> shift;
    while (at < endBytes) {
      boolean zero = source.slots.get(chunk) == SlotTable.ZERO_SLOT;
      chunk++;
      while (chunk << shift < endBytes
          && (source.slots.get(chunk) == SlotTable.ZERO_SLOT) == zero) {
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
}
