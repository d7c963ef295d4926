package io.sluice.fault;

import io.sluice.block.BioOp;
import io.sluice.block.Errno;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;

/**
 * What a rule says.
 *
 * @param id its number, from 1; rules are tried in its order
 * @param action what to do
 * @param ops to which operations
 * @param fromBytes where the range of the device begins that it speaks of
 * @param endBytes the first byte after that range; {@link Long#MAX_VALUE} for the whole device
 * @param skipCount matching bios that pass before the first hit
 * @param hitCountMax hits until the rule is used up; {@link Long#MAX_VALUE} for no end
 * @param probability of a hit, 0 to 1
 * @param errno what bios fail with; empty for a hang that lets go on
 * @param delay how long a delay is
 * @param flipCount bits to flip
 */
record FaultSpec(
    long id,
    FaultAction action,
    Set<BioOp> ops,
    long fromBytes,
    long endBytes,
    long skipCount,
    long hitCountMax,
    double probability,
    Optional<Errno> errno,
    Duration delay,
    int flipCount) {

  /** Whether it speaks of a part of the device; a flush is in no part. */
  boolean hasRange() {
    return fromBytes > 0 || endBytes != Long.MAX_VALUE;
  }

  /** This rule with what is left of it after some matches and hits. */
  FaultSpec after(long matchCount, long hitCount) {
    long skipLeft = Math.max(0, skipCount - matchCount);
    long hitsLeft = hitCountMax == Long.MAX_VALUE ? hitCountMax : hitCountMax - hitCount;
    return new FaultSpec(
        id,
        action,
        ops,
        fromBytes,
        endBytes,
        skipLeft,
        hitsLeft,
        probability,
        errno,
        delay,
        flipCount);
  }
}
