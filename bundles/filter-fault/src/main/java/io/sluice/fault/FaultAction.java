package io.sluice.fault;

import io.sluice.block.BioOp;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;

/** What a rule does to a bio that it hits. */
@SuppressWarnings("ImmutableEnumChecker") // The sets can't be modified.
enum FaultAction {
  /** The bio fails; nothing below sees it. */
  ERROR(all(), all()),
  /** The bio waits, and then goes on. */
  DELAY(all(), all()),
  /** Bits of what was read, or of a copy of what is written, are flipped. */
  CORRUPT(EnumSet.of(BioOp.READ), EnumSet.of(BioOp.READ, BioOp.WRITE)),
  /** A part of the write, from its start, is stored; then it fails. */
  TORN(EnumSet.of(BioOp.WRITE), EnumSet.of(BioOp.WRITE, BioOp.WRITE_ZEROES)),
  /** The bio is said to be complete, and nothing below sees it. */
  DROP(
      EnumSet.of(BioOp.WRITE),
      EnumSet.of(BioOp.WRITE, BioOp.FLUSH, BioOp.DISCARD, BioOp.WRITE_ZEROES)),
  /** The bio waits until it is released. */
  HANG(all(), all());

  /** The operations that a rule speaks of if it names none. */
  final Set<BioOp> usualOps;

  /** The operations that it can be done to. */
  final Set<BioOp> possibleOps;

  FaultAction(Set<BioOp> usualOps, Set<BioOp> possibleOps) {
    this.usualOps = Collections.unmodifiableSet(usualOps);
    this.possibleOps = Collections.unmodifiableSet(possibleOps);
  }

  private static Set<BioOp> all() {
    return EnumSet.copyOf(FaultOperations.OPS);
  }

  /** Whether a bio waits in the filter. */
  boolean waits() {
    return this == DELAY || this == HANG;
  }

  /** As it is typed. */
  String word() {
    return name().toLowerCase(Locale.ROOT);
  }
}
