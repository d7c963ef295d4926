package io.sluice.fault;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.ErrnoException;
import java.nio.ByteBuffer;

/**
 * What is done to the data of one bio that a rule hits. The bytes of a caller's write are read
 * only, ever: what is changed is a copy.
 */
final class Damage {
  /** The most of a write that is copied at a time; a multiple of every block size. */
  private static final int PIECE_MAX_BYTES = 256 << 10;

  private final FaultRule rule;
  private final long seed;
  private final long number;

  /**
   * @param number which of the rule's bios it is, which settles where the damage is
   */
  Damage(FaultRule rule, long seed, long number) {
    this.rule = rule;
    this.seed = seed;
    this.number = number;
  }

  /** Serves the bio with some of its bits flipped. */
  void corrupt(Bio bio, BlockDevice next) throws ErrnoException {
    ByteBuffer data = bio.data();
    int start = data.position();
    if (bio.op() == BioOp.READ) {
      next.submit(bio);
      flip(data, start, bio.offsetBytes(), bio.lengthBytes(), bio);
      return;
    }
    int length = (int) bio.lengthBytes();
    ByteBuffer copy = ByteBuffer.allocate(Math.min(length, PIECE_MAX_BYTES));
    Bio own = new Bio();
    for (int done = 0; done < length; done += PIECE_MAX_BYTES) {
      int pieceBytes = Math.min(PIECE_MAX_BYTES, length - done);
      long offsetBytes = bio.offsetBytes() + done;
      copy.clear().limit(pieceBytes);
      copy.put(0, data, start + done, pieceBytes);
      flip(copy, 0, offsetBytes, pieceBytes, bio);
      next.submit(own.write(offsetBytes, copy, bio.flags()));
    }
    data.position(start + length);
  }

  /**
   * Flips those of the bio's chosen bits that lie in a range of the device, whose bytes are in the
   * buffer from {@code start} on. Each bit is in a slice of its own, so that no two are the same
   * and undo each other.
   */
  private void flip(ByteBuffer buffer, int start, long offsetBytes, long lengthBytes, Bio bio) {
    long fromBytes = Math.max(bio.offsetBytes(), rule.spec.fromBytes());
    long bitCount = 8 * (Math.min(bio.endBytes(), rule.spec.endBytes()) - fromBytes);
    int flipCount = (int) Math.min(rule.spec.flipCount(), bitCount);
    for (int i = 0; i < flipCount; i++) {
      long sliceFrom = bitCount * i / flipCount;
      long sliceEnd = bitCount * (i + 1) / flipCount;
      long bit = sliceFrom + Draw.below(sliceEnd - sliceFrom, seed, rule.spec.id(), number, i);
      long place = fromBytes + bit / 8 - offsetBytes;
      if (place >= 0 && place < lengthBytes) {
        int index = start + (int) place;
        buffer.put(index, (byte) (buffer.get(index) ^ 1 << bit % 8));
      }
    }
  }

  /** Stores whole sectors from the start of a write, perhaps none and never all, and fails it. */
  void tear(Bio bio, BlockDevice next) throws ErrnoException {
    int unitBytes = Math.max(DeviceGeometry.SECTOR_SIZE_BYTES, next.geometry().blockSizeBytes());
    long unitCount = (bio.lengthBytes() + unitBytes - 1) / unitBytes;
    long storedBytes =
        unitCount == 0 ? 0 : unitBytes * Draw.below(unitCount, seed, rule.spec.id(), number, 0);
    if (storedBytes > 0) {
      Bio own = new Bio();
      if (bio.op() == BioOp.WRITE) {
        ByteBuffer head = bio.data().duplicate();
        head.limit(head.position() + (int) storedBytes);
        own.write(bio.offsetBytes(), head, bio.flags());
      } else {
        own.writeZeroes(bio.offsetBytes(), storedBytes, bio.flags());
      }
      next.submit(own);
    }
    throw rule.error(bio);
  }
}
