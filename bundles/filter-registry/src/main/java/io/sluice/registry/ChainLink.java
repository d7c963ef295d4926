package io.sluice.registry;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.Set;

/**
 * One filter in its place, seen from above: a bio submitted here meets the filter and then the rest
 * of the chain. Immutable; another chain has other links.
 */
final class ChainLink implements BlockDevice {
  final AttachedFilter filter;
  final BlockDevice next;
  private final GeometryView view = new GeometryView(this::withoutRefused);

  ChainLink(AttachedFilter filter, BlockDevice next) {
    this.filter = filter;
    this.next = next;
  }

  private Set<BioOp> withoutRefused(Set<BioOp> below) {
    Set<BioOp> ops = EnumSet.copyOf(below);
    ops.removeIf(op -> !filter.understands(op));
    if (ops.contains(BioOp.WRITE)) {
      ops.add(BioOp.WRITE_ZEROES);
    }
    return ops;
  }

  @Override
  public DeviceGeometry geometry() {
    return view.of(next.geometry());
  }

  @Override
  public void submit(Bio bio) throws ErrnoException {
    if (filter.state() != AttachedFilter.State.ATTACHED) {
      submitInQuarantine(bio);
      return;
    }
    if (!filter.understands(bio.op())) {
      submitUnknown(bio);
      return;
    }
    ByteBuffer data = bio.data();
    int position = data == null ? 0 : data.position();
    int limit = data == null ? 0 : data.limit();
    try {
      filter.submit(bio, next);
    } catch (ErrnoException e) {
      filter.countError();
      throw e;
    } catch (Throwable fault) {
      filter.quarantine(bio.toString(), fault);
      if (data != null) {
        data.limit(limit).position(position);
      }
      submitInQuarantine(bio);
    }
  }

  private void submitInQuarantine(Bio bio) throws ErrnoException {
    if (filter.state() == AttachedFilter.State.FAILED) {
      filter.countError();
      throw filter.failure();
    }
    next.submit(bio);
  }

  private void submitUnknown(Bio bio) throws ErrnoException {
    if (bio.op() == BioOp.WRITE_ZEROES && filter.understands(BioOp.WRITE)) {
      ZeroWrites.submit(bio, this, "filter " + filter.name());
      return;
    }
    throw new ErrnoException(
        Errno.ENOTSUP,
        bio + ": filter " + filter.name() + " understands only " + filter.entry.ops());
  }

  /**
   * After a fault that came when extents had been told already, the call ends there: the visitor
   * may be told less than was asked, but nothing twice.
   */
  @Override
  public void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor)
      throws ErrnoException {
    if (filter.state() == AttachedFilter.State.ATTACHED) {
      GuardedVisitor guarded = new GuardedVisitor(visitor);
      boolean faulted = false;
      try {
        filter.status(offsetBytes, lengthBytes, guarded, next);
      } catch (ErrnoException e) {
        throw e;
      } catch (Throwable fault) {
        faulted = true;
        filter.quarantine("block status of " + offsetBytes + "+" + lengthBytes, fault);
      }
      guarded.rethrow();
      boolean failed = filter.state() == AttachedFilter.State.FAILED;
      if (!faulted || (guarded.called() && !failed)) {
        return;
      }
    }
    if (filter.state() == AttachedFilter.State.FAILED) {
      throw filter.failure();
    }
    next.status(offsetBytes, lengthBytes, visitor);
  }

  @Override
  public boolean mayBlock() {
    return next.mayBlock();
  }
}
