package io.sluice.blksnap.diff;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.diffstore.DiffStore;
import io.sluice.snapshot.MoveProgress;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;

/**
 * Moves all that is in a space's stores into one store, while it is read and written: copies what
 * was written, then what was written meanwhile, until little is left; then holds the stores' I/O
 * for a moment, copies the rest, and puts the new store in their place. As live migration does
 * (Clark et al., NSDI 2005: pre-copy).
 *
 * <p>Whatever fails before that leaves all as it was, and the new store closed.
 */
public final class StoreMove {
  private static final int PIECE_BYTES = 256 << 10;

  /** So little is copied while I/O is held. */
  private static final long REST_BYTES = 4 << 20;

  /** Who writes faster than is copied is held after so many rounds. */
  private static final int ROUND_COUNT_MAX = 30;

  private final DiffSpace space;
  private final SpaceAllocator allocator;
  private final Segment target;
  private final long portionBytes;
  private final Duration holdLimit;
  private final ByteBuffer piece = ByteBuffer.allocateDirect(PIECE_BYTES);
  private long doneBytes;

  StoreMove(
      DiffSpace space,
      SpaceAllocator allocator,
      Segment target,
      long portionBytes,
      Duration holdLimit) {
    this.space = space;
    this.allocator = allocator;
    this.target = target;
    this.portionBytes = portionBytes;
    this.holdLimit = holdLimit;
  }

  /**
   * Moves, in the caller's thread, which is a user of the space.
   *
   * @throws ErrnoException ECANCELED if {@code progress} gives up; ENOSPC if the new store can't
   *     hold it all; EAGAIN if a call of a store does not end; what reading and writing throw
   */
  public void run(MoveProgress progress) throws ErrnoException {
    List<StoreGate> left = List.of(target.gate);
    try {
      SpaceAllocator.growFirst(target, portionBytes);
      Ranges unmoved = space.takeDownWrites();
      for (int round = 0; round < ROUND_COUNT_MAX && isMuch(unmoved, round); round++) {
        copy(unmoved.takeAll(), unmoved, progress);
      }
      left = hold(unmoved);
    } finally {
      space.moveEnded(left);
    }
    boolean unused = progress.moved(doneBytes, doneBytes);
  }

  private static boolean isMuch(Ranges unmoved, int round) {
    return round == 0 || unmoved.totalBytes() > REST_BYTES;
  }

  private List<StoreGate> hold(Ranges unmoved) throws ErrnoException {
    List<StoreGate> old = space.gates();
    old.forEach(gate -> gate.close(holdLimit));
    try {
      for (StoreGate gate : old) {
        gate.drain();
      }
      copyHeld(unmoved.takeAll());
      do {
        growTo(allocator.filledBytes());
      } while (!allocator.replace(target));
      old.forEach(StoreGate::moved);
    } finally {
      old.forEach(StoreGate::open);
    }
    return old;
  }

  private void copy(Ranges ranges, Ranges next, MoveProgress progress) throws ErrnoException {
    long[] leftBytes = {ranges.totalBytes()};
    ranges.<ErrnoException>forEach(
        (start, end) -> {
          for (long at = start; at < end; at += PIECE_BYTES) {
            int lengthBytes = (int) Math.min(PIECE_BYTES, end - at);
            piece.clear().limit(lengthBytes);
            space.readStored(at, piece);
            write(at, piece.flip());
            leftBytes[0] -= lengthBytes;
            tell(lengthBytes, leftBytes[0] + next.totalBytes(), progress);
          }
        });
  }

  /** As {@link #copy}, past the gates, which are closed, and without telling anybody. */
  private void copyHeld(Ranges ranges) throws ErrnoException {
    ranges.<ErrnoException>forEach(
        (start, end) -> {
          for (long at = start; at < end; at += piece.limit()) {
            Segment from = segmentOf(at);
            long pieceEnd = Math.min(Math.min(end, at + PIECE_BYTES), from.endBytes());
            piece.clear().limit((int) (pieceEnd - at));
            from.gate.heldStore().read(at - from.baseBytes, piece);
            write(at, piece.flip());
            doneBytes += piece.limit();
          }
        });
  }

  private Segment segmentOf(long offsetBytes) {
    return Arrays.stream(allocator.segments())
        .filter(segment -> offsetBytes < segment.endBytes())
        .findFirst()
        .orElseThrow();
  }

  private void tell(long copiedBytes, long leftBytes, MoveProgress progress) throws ErrnoException {
    doneBytes += copiedBytes;
    if (!progress.moved(doneBytes, doneBytes + leftBytes)) {
      throw new ErrnoException(
          Errno.ECANCELED, space.user() + ": the move was given up; all is where it was");
    }
  }

  private void write(long offsetBytes, ByteBuffer data) throws ErrnoException {
    growTo(offsetBytes + data.remaining());
    DiffStore store = target.gate.enter();
    try {
      store.write(offsetBytes, data);
    } finally {
      target.gate.leave();
    }
  }

  private void growTo(long endBytes) throws ErrnoException {
    long capacityBytes = target.gate.capacityBytes();
    if (endBytes <= capacityBytes) {
      return;
    }
    if (endBytes > target.limitBytes && !target.limitTold) {
      // Batches may have been given more room than the devices can need in the end.
      target.raiseLimit(endBytes - target.limitBytes);
    }
    if (endBytes > target.limitBytes) {
      throw new ErrnoException(
          Errno.ENOSPC,
          target.gate.description()
              + " can grow to "
              + target.limitBytes
              + " bytes, and the move needs "
              + endBytes
              + "; raise its limit");
    }
    long wanted = Math.max(endBytes, capacityBytes + portionBytes);
    boolean unused = target.gate.grow(Math.min(wanted, target.limitBytes));
  }
}
