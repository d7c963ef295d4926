package io.sluice.simulator.device;

import io.sluice.block.BioOp;
import java.util.BitSet;

/**
 * What the devices saw of one operation of a task: the attachment of the {@link
 * io.sluice.simulator.schedule.SimTask} while the operation runs.
 */
public class IoRecord {
  /** What the operation asks of its live device; null for any other operation. */
  public final BioOp liveOp;

  /** The operation's bio flags. */
  public final int flags;

  /** The number of the device concerned, or -1. */
  public final int device;

  /** Origin writes that reached the disk, counting failed ones. */
  public int originWrites;

  /** Bytes written to the disk with success. */
  public long originBytesWritten;

  /** Flushes that reached the disk. */
  public int originFlushes;

  /** The disk failed a write or flush, which the operation must report. */
  public boolean originWriteFailed;

  /** The disk failed a read that the live read itself asked for, or any status query. */
  public boolean originReadFailed;

  /** The disk failed a read of the engine's own. */
  public boolean copyReadFailed;

  /** A store failed in this operation. */
  public boolean storeFailed;

  /** A freeze was refused by a fault. */
  public boolean freezeFailed;

  /** Reads of the disk in this operation. */
  public int originReads;

  /** Where they ended, in bytes. */
  public final BitSet originReadEnds = new BitSet();

  /** Reads of a store in this operation. */
  public int storeReads;

  /** An operation on a device. */
  public IoRecord(int device, BioOp liveOp, int flags) {
    this.device = device;
    this.liveOp = liveOp;
    this.flags = flags;
  }

  /** Whether a fault struck that may fail an operation on an image, or of control. */
  public boolean anyFault() {
    return originWriteFailed || originReadFailed || copyReadFailed || storeFailed || freezeFailed;
  }
}
