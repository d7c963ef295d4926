package io.sluice.registry;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;

/**
 * The chain below a filter as its {@code submit} is given it: works inside that call only, and in
 * its thread. One object for each place in a chain; whose call it is, the thread's stack tells.
 */
final class Below implements BlockDevice {
  private final CallStacks stacks;
  private final BlockDevice target;
  private final String filter;

  Below(CallStacks stacks, BlockDevice target, String filter) {
    this.stacks = stacks;
    this.target = target;
    this.filter = filter;
  }

  @Override
  public DeviceGeometry geometry() {
    return target.geometry();
  }

  @Override
  public void submit(Bio bio) throws ErrnoException {
    Call call = call(bio);
    long startNanos = goBelow(call, bio);
    try {
      target.submit(bio);
    } finally {
      comeBack(call, startNanos);
    }
  }

  @Override
  public void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor)
      throws ErrnoException {
    String what = "block status of " + offsetBytes + "+" + lengthBytes;
    Call call = call(what);
    long startNanos = goBelow(call, what);
    try {
      target.status(offsetBytes, lengthBytes, inside(call, visitor));
    } finally {
      comeBack(call, startNanos);
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

  private Call call(Object what) throws ErrnoException {
    CallStack stack = stacks.mineIfAny();
    Call call = stack == null ? null : stack.callOf(this);
    if (call == null) {
      throw new ErrnoException(
          Errno.ESHUTDOWN,
          what
              + ": filter "
              + filter
              + " used the next device outside of the call that it was given for");
    }
    return call;
  }

  private static long goBelow(Call call, Object what) throws ErrnoException {
    if (!call.goBelow()) {
      throw CallStacks.givenUp(what.toString());
    }
    return call.sampleNanos == 0 ? 0 : call.stack.stacks.nanoClock.getAsLong();
  }

  private static void comeBack(Call call, long startNanos) {
    if (call.sampleNanos != 0) {
      call.addBelow(call.stack.stacks.nanoClock.getAsLong() - startNanos);
    }
    call.comeBack();
  }

  @Override
  public boolean mayBlock() {
    return target.mayBlock();
  }
}
