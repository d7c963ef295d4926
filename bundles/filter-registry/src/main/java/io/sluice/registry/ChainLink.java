package io.sluice.registry;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import io.sluice.filter.Filter;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;

/**
 * One filter in its place, seen from above: a bio submitted here meets the filter and then the rest
 * of the chain. Immutable; another chain has other links. The way of a bio that nothing happens to
 * is in {@link TailoredLink}, all else is here.
 */
abstract class ChainLink extends Link {
  final AttachedFilter filter;
  final Link next;

  /** Of the filter, here because each line of memory more is as dear as an instruction. */
  final Filter body;

  final int opBits;
  final LongAdder bioCount;

  ChainLink(AttachedFilter filter, Link next, String above) {
    super(next.origin, next.stacks, above);
    this.filter = filter;
    this.next = next;
    this.body = filter.filter();
    this.opBits = filter.opBits;
    this.bioCount = filter.bioCount;
  }

  @Override
  Set<BioOp> ops(Set<BioOp> originOps) {
    Set<BioOp> ops = next.ops(originOps);
    ops.removeIf(op -> !filter.understands(op));
    if (ops.contains(BioOp.WRITE)) {
      ops.add(BioOp.WRITE_ZEROES);
    }
    return ops;
  }

  /** Decides what becomes of a bio that did not come back well. */
  final void conclude(
      Bio bio, CallStack stack, Given given, Throwable thrown, int end, boolean changed)
      throws ErrnoException {
    if (end == Call.EVICTED) {
      given.forget();
      filter.countError();
      throw CallStacks.givenUp(given.toString());
    }
    if (thrown instanceof ErrnoException e && end == Call.INSIDE && !changed) {
      given.forget();
      filter.countError();
      throw e;
    }
    Throwable fault = thrown;
    if (end == Call.LATE) {
      fault =
          new IllegalStateException(
              "it stayed in the filter's own code for longer than "
                  + filter.terms.callLimit().toMillis()
                  + " ms, the limit, and had to be interrupted",
              thrown);
    } else if (changed) {
      fault = new IllegalStateException("it changed the bio it was given to " + bio, thrown);
    } else if (thrown == null) {
      fault =
          new IllegalStateException(
              "it returned without passing the bio on or using its buffer to the end");
    }
    given.restore(bio);
    given.forget();
    filter.quarantine(given.toString(), fault);
    submitInQuarantine(bio, stack);
  }

  final void submitInQuarantine(Bio bio, CallStack stack) throws ErrnoException {
    try {
      checkMayPass();
    } catch (ErrnoException e) {
      filter.countError();
      throw e;
    }
    next.submit(bio, stack);
  }

  /** Returns when bios may go past the filter in quarantine. */
  private void checkMayPass() throws ErrnoException {
    if (filter.state() == AttachedFilter.State.TELLING) {
      filter.awaitTold();
    }
    if (filter.state() == AttachedFilter.State.FAILED) {
      throw filter.failure();
    }
  }

  final void submitUnknown(Bio bio, CallStack stack) throws ErrnoException {
    if (bio.op() == BioOp.WRITE_ZEROES && filter.understands(BioOp.WRITE)) {
      ZeroWrites.submit(bio, write -> submit(write, stack), "filter " + filter.name());
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
  void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor, CallStack stack)
      throws ErrnoException {
    if (filter.state() == AttachedFilter.State.ATTACHED
        && statusFromFilter(offsetBytes, lengthBytes, visitor, stack)) {
      return;
    }
    checkMayPass();
    next.status(offsetBytes, lengthBytes, visitor, stack);
  }

  /** Whether that was it; else the filter is in quarantine and nothing has been told. */
  private boolean statusFromFilter(
      long offsetBytes, long lengthBytes, ExtentVisitor visitor, CallStack stack)
      throws ErrnoException {
    Call call = stack.prepare(this);
    call.given.noteStatus(offsetBytes, lengthBytes);
    call.sample(false);
    GuardedVisitor guarded = new GuardedVisitor(visitor, call);
    stack.begin(call);
    Throwable thrown = null;
    try {
      body.status(offsetBytes, lengthBytes, guarded, next);
    } catch (Throwable t) {
      thrown = t;
    }
    String what = thrown == null ? "" : call.what();
    int end = stack.end(call);
    if (end == Call.EVICTED) {
      throw CallStacks.givenUp("block status of " + offsetBytes + "+" + lengthBytes);
    }
    if (thrown instanceof ErrnoException e && end == Call.INSIDE) {
      throw e;
    }
    boolean faulted = thrown != null || end == Call.LATE;
    if (faulted) {
      Throwable fault = thrown != null ? thrown : new IllegalStateException("it was too late");
      filter.quarantine(what, fault);
    }
    guarded.rethrow();
    boolean failed = filter.state() == AttachedFilter.State.FAILED;
    return !faulted || (guarded.called() && !failed);
  }
}
