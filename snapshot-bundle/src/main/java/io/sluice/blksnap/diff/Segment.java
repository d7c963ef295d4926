package io.sluice.blksnap.diff;

import io.sluice.snapshot.StoreInfo;

/** One store of a space, and what part of the space it is. */
final class Segment {
  /**
   * What can be addressed: the slots of saved chunks count sectors in 35 bits, and one is taken.
   */
  private static final long SPACE_MAX_BYTES = (1L << 44) - (1 << 20);

  final StoreGate gate;

  /** Where in the space it begins. */
  final long baseBytes;

  /** Whether reaching the limit is news: not if it is all that could ever be needed. */
  final boolean limitTold;

  /** How far the store may grow; changed under the allocator's monitor. */
  volatile long limitBytes;

  /** How much of the store is the space's, or -1 while that is all it has. */
  private volatile long sealedBytes = -1;

  /**
   * @param limitBytes may be more than the store can have
   */
  Segment(StoreGate gate, long baseBytes, long limitBytes, boolean limitTold) {
    this.gate = gate;
    this.baseBytes = baseBytes;
    this.limitBytes = limit(limitBytes);
    this.limitTold = limitTold;
  }

  /** How much of the store is the space's. */
  long lengthBytes() {
    long sealed = sealedBytes;
    return sealed < 0 ? Math.min(gate.capacityBytes(), addressableBytes()) : sealed;
  }

  private long addressableBytes() {
    return Math.max(0, SPACE_MAX_BYTES - baseBytes);
  }

  /** Where in the space it ends. */
  long endBytes() {
    return baseBytes + lengthBytes();
  }

  void raiseLimit(long bytes) {
    limitBytes = limit(limitBytes + bytes);
  }

  private long limit(long wantedBytes) {
    return Math.min(wantedBytes, Math.min(gate.capacityMaxBytes(), addressableBytes()));
  }

  /** Another one follows: what the store grows from now on is not the space's. */
  void seal() {
    sealedBytes = lengthBytes();
    limitBytes = sealedBytes;
  }

  /**
   * The fill level.
   *
   * @param spaceFilledBytes how far the space is given away
   * @param unused what of that is free again
   */
  StoreInfo info(long spaceFilledBytes, Ranges unused) {
    long end = Math.max(baseBytes, Math.min(spaceFilledBytes, endBytes()));
    long filledBytes = end - baseBytes - unused.totalBytes(baseBytes, end);
    return new StoreInfo(gate.description(), lengthBytes(), filledBytes, limitBytes);
  }
}
