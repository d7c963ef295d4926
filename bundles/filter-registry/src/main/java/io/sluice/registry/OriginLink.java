package io.sluice.registry;

import static java.lang.System.Logger.Level.ERROR;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
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
final class OriginLink implements BlockDevice {
  private static final System.Logger LOG = System.getLogger("io.sluice.registry");

  private final OriginDevice origin;
  private final GeometryView view = new GeometryView(OriginLink::withEmulation);
  private final AtomicBoolean faultLogged = new AtomicBoolean();

  private final Loss loss;

  OriginLink(OriginDevice origin, Loss loss) {
    this.origin = origin;
    this.loss = loss;
  }

  private static Set<BioOp> withEmulation(Set<BioOp> ops) {
    Set<BioOp> all = EnumSet.copyOf(ops);
    all.add(BioOp.FLUSH);
    if (ops.contains(BioOp.WRITE)) {
      all.add(BioOp.WRITE_ZEROES);
    }
    return all;
  }

  @Override
  public DeviceGeometry geometry() {
    return view.of(origin.geometry());
  }

  @Override
  public void submit(Bio bio) throws ErrnoException {
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
      case WRITE_ZEROES -> ZeroWrites.submit(bio, origin, "origin " + origin.path());
      default -> origin.submit(bio);
    }
  }

  @Override
  public void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor)
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

  @Override
  public boolean mayBlock() {
    return origin.mayBlock();
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
