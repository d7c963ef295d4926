package io.sluice.registry;

import static java.lang.System.Logger.Level.ERROR;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.OriginDevice;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;

/**
 * Whether a device's origin has gone from under it. What is lost stays lost: the device can be
 * removed and added again. Thread-safe.
 */
final class Loss {
  private static final System.Logger LOG = System.getLogger("io.sluice.registry");

  private final String device;
  private final OriginDevice origin;

  /** The chain to be told. */
  private final Supplier<Chain> chain;

  private final AtomicBoolean looking = new AtomicBoolean();
  private final AtomicBoolean faultLogged = new AtomicBoolean();

  /** Empty while the origin is there; written once. */
  private volatile String reason = "";

  Loss(String device, OriginDevice origin, Supplier<Chain> chain) {
    this.device = device;
    this.origin = origin;
    this.chain = chain;
  }

  /** What happened, in a sentence; empty while all is well. */
  String reason() {
    return reason;
  }

  /**
   * Asks the origin, unless somebody else is about to.
   *
   * @return whether it is lost, as far as is known now
   */
  boolean look() {
    if (reason.isEmpty() && looking.compareAndSet(false, true)) {
      try {
        ask().ifPresent(this::take);
      } finally {
        looking.set(false);
      }
    }
    return !reason.isEmpty();
  }

  private Optional<String> ask() {
    try {
      return origin.lost();
    } catch (Throwable fault) {
      if (faultLogged.compareAndSet(false, true)) {
        String text = "the driver of origin " + origin.path() + " can't say whether it is lost: ";
        Faults.log(LOG, ERROR, text + OneLine.of(fault), fault);
      }
      return Optional.empty();
    }
  }

  private void take(String why) {
    reason = why.isBlank() ? "the origin is gone" : why;
    Faults.log(LOG, ERROR, "device " + device + " is lost: " + reason, null);
    tell(chain.get());
  }

  /** Tells the filters that do not know yet, if there is anything to tell. */
  void tell(Chain filtered) {
    if (!reason.isEmpty()) {
      filtered.filters().forEach(filter -> filter.tellLoss(reason));
    }
  }

  /**
   * Refuses what would change a lost origin or promise that it is kept. Reads go on to the origin:
   * it knows whether what it has is still true.
   */
  void check(Bio bio) throws ErrnoException {
    if (!reason.isEmpty() && bio.op() != BioOp.READ) {
      throw error(bio.toString());
    }
  }

  ErrnoException error(String what) {
    return new ErrnoException(
        Errno.ENODEV,
        what
            + " on "
            + device
            + ": the device is lost: "
            + reason
            + "; remove it and add it again");
  }
}
