package io.sluice.registry;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import io.sluice.block.OriginDevice;
import java.util.Set;

/**
 * One place in one chain. To the registry, a way in for a thread whose stack is at hand. To the
 * filter above, as a device, what it is given as its {@code next}: that works inside the call that
 * it was given for only, and in its thread. Whose call it is, the thread's stack tells.
 *
 * <p>The geometry is the origin's with other operations, made when the origin's is another and not
 * per bio.
 */
abstract class Link implements BlockDevice {
  private record Derivation(DeviceGeometry from, DeviceGeometry to) {}

  final OriginDevice origin;
  final CallStacks stacks;

  /** The filter above, for messages; empty if there is none. */
  private final String above;

  private volatile Derivation last;

  Link(OriginDevice origin, CallStacks stacks, String above) {
    this.origin = origin;
    this.stacks = stacks;
    this.above = above;
  }

  /**
   * Takes one bio.
   *
   * @param stack this thread's
   */
  abstract void submit(Bio bio, CallStack stack) throws ErrnoException;

  /**
   * Tells extents.
   *
   * @param stack this thread's
   */
  abstract void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor, CallStack stack)
      throws ErrnoException;

  /** What is served here, from what the origin serves, in a set of its own. */
  abstract Set<BioOp> ops(Set<BioOp> originOps);

  @Override
  public final void submit(Bio bio) throws ErrnoException {
    CallStack stack = stacks.mine();
    Call call = stack.callOf(this);
    if (call == null) {
      throw outside(bio);
    }
    if (!call.goBelow()) {
      throw CallStacks.givenUp(bio.toString());
    }
    long startNanos = call.sampleNanos == 0 ? 0 : stacks.nanoClock.getAsLong();
    try {
      submit(bio, stack);
    } finally {
      if (startNanos != 0) {
        call.addBelow(stacks.nanoClock.getAsLong() - startNanos);
      }
      call.comeBack();
    }
  }

  @Override
  public final void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor)
      throws ErrnoException {
    String what = "block status of " + offsetBytes + "+" + lengthBytes;
    CallStack stack = stacks.mine();
    Call call = stack.callOf(this);
    if (call == null) {
      throw outside(what);
    }
    if (!call.goBelow()) {
      throw CallStacks.givenUp(what);
    }
    try {
      status(offsetBytes, lengthBytes, inside(call, visitor), stack);
    } finally {
      call.comeBack();
    }
  }

  /** A visitor called from below is the filter's own code again. */
  private static ExtentVisitor inside(Call call, ExtentVisitor visitor) {
    return (lengthBytes, state) -> {
      call.comeBack();
      try {
        return visitor.extent(lengthBytes, state);
      } finally {
        // If it was evicted, whoever comes back next finds out.
        boolean unused = call.goBelow();
      }
    };
  }

  private ErrnoException outside(Object what) {
    return new ErrnoException(
        Errno.ESHUTDOWN,
        what
            + ": filter "
            + above
            + " used the next device outside of the call that it was given for");
  }

  @Override
  public final DeviceGeometry geometry() {
    DeviceGeometry now = origin.geometry();
    Derivation known = last;
    // Cheap as a rule: a record is compared by identity first, and an origin keeps its own.
    if (known != null && known.from.equals(now)) {
      return known.to;
    }
    DeviceGeometry derived =
        new DeviceGeometry(
            now.sizeBytes(),
            now.blockSizeBytes(),
            now.preferredSizeBytes(),
            now.readOnly(),
            now.rotational(),
            ops(now.ops()));
    last = new Derivation(now, derived);
    return derived;
  }

  @Override
  public final boolean mayBlock() {
    return origin.mayBlock();
  }
}
