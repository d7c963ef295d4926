package io.sluice.registry;

import static java.lang.System.Logger.Level.ERROR;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import io.sluice.block.OriginDevice;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The end of a chain: the origin, with the operations that a client may count on (FLUSH and
 * WRITE_ZEROES) added where it lacks them, and with its faults made into errors so that no filter
 * above is blamed for them.
 */
final class OriginLink extends Link {
  private static final System.Logger LOG = System.getLogger("io.sluice.registry");

  private final Loss loss;
  private final AtomicBoolean faultLogged;

  OriginLink(OriginDevice origin, Loss loss, CallStacks stacks) {
    this(origin, loss, stacks, new AtomicBoolean(), "");
  }

  private OriginLink(
      OriginDevice origin, Loss loss, CallStacks stacks, AtomicBoolean faultLogged, String above) {
    super(origin, stacks, above);
    this.loss = loss;
    this.faultLogged = faultLogged;
  }

  /** The same origin in its place in another chain. */
  OriginLink below(String above) {
    return new OriginLink(origin, loss, stacks, faultLogged, above);
  }

  @Override
  Set<BioOp> ops(Set<BioOp> originOps) {
    Set<BioOp> all = EnumSet.copyOf(originOps);
    all.add(BioOp.FLUSH);
    if (originOps.contains(BioOp.WRITE)) {
      all.add(BioOp.WRITE_ZEROES);
    }
    return all;
  }

  @Override
  void submit(Bio bio, CallStack stack) throws ErrnoException {
    loss.check(bio);
    try {
      if (!origin.geometry().ops().contains(bio.op())) {
        submitUnknown(bio);
      } else {
        origin.submit(bio);
      }
    } catch (ErrnoException e) {
      if (e.errno() == Errno.EIO || e.errno() == Errno.ENODEV) {
        // The bio's own error stands; the next one is told why.
        boolean unused = loss.look();
      }
      throw e;
    } catch (Throwable fault) {
      throw faulted(bio.toString(), fault);
    }
  }

  private void submitUnknown(Bio bio) throws ErrnoException {
    switch (bio.op()) {
      case FLUSH -> {
        // An origin without a flush keeps nothing back: its writes are durable when they return.
      }
      case WRITE_ZEROES -> ZeroWrites.submit(bio, origin::submit, "origin " + origin.path());
      default -> origin.submit(bio);
    }
  }

  @Override
  void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor, CallStack stack)
      throws ErrnoException {
    GuardedVisitor guarded = new GuardedVisitor(visitor, null);
    try {
      origin.status(offsetBytes, lengthBytes, guarded);
    } catch (ErrnoException e) {
      throw e;
    } catch (Throwable fault) {
      throw faulted("block status of " + offsetBytes + "+" + lengthBytes, fault);
    }
    guarded.rethrow();
  }

  private ErrnoException faulted(String operation, Throwable fault) {
    String text =
        operation + ": the driver of origin " + origin.path() + " failed: " + OneLine.of(fault);
    if (faultLogged.compareAndSet(false, true)) {
      Faults.log(LOG, ERROR, text + "; further failures of it are not logged", fault);
    }
    return new ErrnoException(Errno.EIO, text, fault);
  }
}
