package io.sluice.blksnap.cow;

import io.sluice.blksnap.diff.DiffSpace;
import io.sluice.blksnap.tracking.BlksnapParameters;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.Lock;
import java.util.function.Supplier;

/**
 * The old data of one device since its oldest held take: one {@link CowArea} for each take, from
 * old to new. A writer saves into the newest alone, so its cost does not grow with the snapshots;
 * what an area has is as of each older take that has not got the chunk itself. A snapshot therefore
 * looks for a chunk in its own area, then in the next newer one, and so on, then in the origin.
 *
 * <p>An area whose snapshot is destroyed stays while an older snapshot needs it; areas go from the
 * old end. One that can't save any more (its store is full) costs its own snapshot alone: writers
 * save into the next older one then, what no newer one has.
 *
 * <p>Areas come with the device frozen and go under the engine's lock.
 */
public final class CowChain {
  /** How many areas one device has at most. */
  public static final int AREA_COUNT_MAX = 32;

  /** From this length on, holes of the origin are looked for before chunks are read. */
  private static final long HOLE_SEARCH_MIN_BYTES = 1 << 20;

  final CopyBuffers imageBuffers;
  private final CopyBuffers buffers;
  private final RegionLocks locks;
  private volatile CowArea newest;

  /**
   * @param buffers for copies in flight
   * @param imageBuffers for those of image writers, so that they keep none from writers of the
   *     device
   * @param locks makes the region locks
   * @param limit how long a write waits for one of them
   */
  public CowChain(
      CopyBuffers buffers, CopyBuffers imageBuffers, Supplier<Lock> locks, Duration limit) {
    this.buffers = buffers;
    this.imageBuffers = imageBuffers;
    this.locks = new RegionLocks(locks, limit);
  }

  /** The area that writers save into, or null if no snapshot is held. */
  public CowArea newest() {
    return newest;
  }

  /** How many areas there will be after the next take, without the new one. */
  public int areaCount() {
    int count = 0;
    for (CowArea area = newest; area != null; area = area.older) {
      count += isIdle(area) ? 0 : 1;
    }
    return count;
  }

  /** Nobody's, and with nothing in it that an older snapshot could need. */
  private static boolean isIdle(CowArea area) {
    return !area.owned && area.chunksSaved() == 0 && area.chunksZero() == 0;
  }

  /**
   * Begins an area, with the device frozen. The area's chunk is that of the others. Can't fail.
   *
   * @param idle where areas go that nobody needs, for {@link #letGo} after the thaw
   */
  public void begin(CowArea area, List<CowArea> idle) {
    boolean entered = area.space.enter(); // the snapshot is in it too, so this succeeds
    assert entered;
    CowArea next = area;
    for (CowArea before = newest; before != null; before = before.older) {
      before.newer = next;
      if (isIdle(before)) { // and stays so: no writer is about
        idle.add(before);
      } else {
        next.older = before;
        next = before;
      }
    }
    next.older = null;
    newest = area;
  }

  /** Lets the stores of idle areas go. */
  public static void letGo(List<CowArea> idle) {
    idle.forEach(area -> area.space.leave());
  }

  /** An area's snapshot is no more; the images of it answer EIO already. */
  public void end(CowArea area) {
    area.owned = false;
    CowArea oldest = newest;
    while (oldest != null && oldest.older != null) {
      oldest = oldest.older;
    }
    while (oldest != null && !oldest.owned) {
      CowArea next = oldest.newer;
      if (next == null) {
        newest = null;
      } else {
        next.older = null;
      }
      oldest.space.leave();
      oldest = next;
    }
  }

  /** Ends all images, as {@link CowArea#corrupt(Errno, Throwable)}. */
  public void corrupt(Errno why, Throwable cause) {
    for (CowArea area = newest; area != null; area = area.older) {
      area.corrupt(why, cause);
    }
  }

  /** What is in a store can't be had any more: ends the images that need it, and no others. */
  public void storeLost(DiffSpace space, ErrnoException cause) {
    boolean needed = false;
    for (CowArea area = newest; area != null; area = area.older) {
      if (area.space == space || needed) {
        area.corrupt(cause);
      }
      needed |= area.space == space && area.chunksSaved() > 0;
    }
  }

  /** The stores of destroyed snapshots that an area's snapshot still needs. */
  public Set<String> keptStores(CowArea of) {
    Set<String> kept = new LinkedHashSet<>();
    for (CowArea area = of.newer; area != null; area = area.newer) {
      if (!area.owned && area.chunksSaved() > 0) {
        kept.add(area.space.info().description());
      }
    }
    return kept;
  }

  /** The region lock of a word of 64 chunks. */
  Lock lockOf(int word) {
    return locks.of(word);
  }

  /** Takes it for a write, or ends all images, since nobody can save there. */
  private Lock acquire(int word) throws ErrnoException {
    Lock lock = locks.acquire(word);
    if (lock == null) {
      ErrnoException cause =
          new ErrnoException(
              Errno.ETIMEDOUT,
              "a write of an image kept chunks locked for "
                  + locks.limit().toMillis()
                  + " ms, the limit for a write that waits for its copy");
      corrupt(cause.errno(), cause);
      throw cause;
    }
    return lock;
  }

  /**
   * Saves what a write to the origin is about to change. Never fails, and keeps the write no longer
   * than the origin's read takes and the limits allow: what can't be saved corrupts the images that
   * need it.
   *
   * @param wholeRange whether the operation carries no data (discard, write-zeroes), so that its
   *     range may be long and mostly holes
   * @param origin where the old data are read from: the chain below the filter
   */
  public void saveBefore(
      long offsetBytes, long lengthBytes, boolean wholeRange, BlockDevice origin) {
    CowArea area = newest;
    if (area == null) {
      return;
    }
    long endBytes = Math.min(offsetBytes + lengthBytes, area.capacityBytes);
    if (endBytes <= offsetBytes) {
      return;
    }
    long firstChunk = offsetBytes >>> area.chunkShift;
    long lastChunk = (endBytes - 1) >>> area.chunkShift;
    if (areSaved(area, firstChunk, lastChunk)) {
      return;
    }
    while (area != null && !saveIn(area, firstChunk, lastChunk, wholeRange, origin)) {
      area = area.older;
    }
  }

  private static boolean areSaved(CowArea area, long firstChunk, long lastChunk) {
    int lastWord = (int) (lastChunk >>> SavedBits.WORD_SHIFT);
    for (int word = (int) (firstChunk >>> SavedBits.WORD_SHIFT); word <= lastWord; word++) {
      long wanted = wordMask(word, firstChunk, lastChunk);
      if ((area.saved.word(word) & wanted) != wanted) {
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

  /** False if the area can't save, so that an older one must. */
  private boolean saveIn(
      CowArea area, long firstChunk, long lastChunk, boolean wholeRange, BlockDevice origin) {
    if (area.errno() != 0) {
      return false;
    }
    if (!area.space.enter()) {
      return true; // its snapshot was destroyed meanwhile, and there is no older one
    }
    try {
      save(area, firstChunk, lastChunk, wholeRange, origin);
      return true;
    } catch (ErrnoException e) {
      area.corrupt(e);
    } catch (OutOfMemoryError e) {
      area.corrupt(Errno.ENOMEM, e);
    } catch (RuntimeException | Error e) {
      area.corrupt(Errno.EFAULT, e);
    } finally {
      area.space.leaveSoon();
    }
    return false;
  }

  private void save(
      CowArea area, long firstChunk, long lastChunk, boolean searchHoles, BlockDevice origin)
      throws ErrnoException {
    if (searchHoles || (lastChunk - firstChunk + 1) << area.chunkShift >= HOLE_SEARCH_MIN_BYTES) {
      saveHoles(area, firstChunk, lastChunk, origin);
    }
    int lastWord = (int) (lastChunk >>> SavedBits.WORD_SHIFT);
    for (int word = (int) (firstChunk >>> SavedBits.WORD_SHIFT); word <= lastWord; word++) {
      long wanted = wordMask(word, firstChunk, lastChunk);
      if (area.unsaved(word, wanted) == 0) {
        continue;
      }
      Lock lock = acquire(word);
      try {
        area.checkAlive(); // whoever held the lock before may have found the store full
        area.saveRuns(word, area.unsaved(word, wanted), origin, buffers);
      } finally {
        lock.unlock();
      }
    }
  }

  /** Records the chunks that lie wholly in holes of the origin, without reading them. */
  private void saveHoles(CowArea area, long firstChunk, long lastChunk, BlockDevice origin)
      throws ErrnoException {
    long[] at = {firstChunk << area.chunkShift};
    ErrnoException[] failure = {null};
    long endBytes = Math.min((lastChunk + 1) << area.chunkShift, area.capacityBytes);
    while (at[0] < endBytes) {
      long askedBytes = at[0];
      origin.status(
          askedBytes,
          endBytes - askedBytes,
          (lengthBytes, state) -> {
            long extentEndBytes = Math.min(at[0] + lengthBytes, endBytes);
            if ((state & ExtentVisitor.ZERO) != 0) {
              failure[0] = saveHole(area, at[0], extentEndBytes);
            }
            at[0] = extentEndBytes;
            return extentEndBytes < endBytes && failure[0] == null;
          });
      if (failure[0] != null) {
        throw failure[0];
      }
      if (at[0] <= askedBytes) {
        return; // a device that says nothing: its chunks are read
      }
    }
  }

  /** What went wrong, or null. */
  private ErrnoException saveHole(CowArea area, long startBytes, long endBytes) {
    long first = BlksnapParameters.countOf(startBytes, area.chunkShift);
    // The last chunk may be short; it lies in the hole if the hole reaches the device's end.
    long end =
        endBytes == area.capacityBytes
            ? BlksnapParameters.countOf(endBytes, area.chunkShift)
            : endBytes >>> area.chunkShift;
    for (long chunk = first; chunk < end; ) {
      int word = (int) (chunk >>> SavedBits.WORD_SHIFT);
      long wordEnd = Math.min(end, ((long) word + 1) << SavedBits.WORD_SHIFT);
      Lock lock;
      try {
        lock = acquire(word);
      } catch (ErrnoException e) {
        return e;
      }
      try {
        // Still unsaved means still unwritten, so the hole that was seen is still there.
        area.putZero(word, area.unsaved(word, wordMask(word, chunk, wordEnd - 1)));
      } finally {
        lock.unlock();
      }
      chunk = wordEnd;
    }
    return null;
  }
}
