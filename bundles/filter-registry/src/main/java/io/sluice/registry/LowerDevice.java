package io.sluice.registry;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;

/**
 * The chain below one filter, for that filter's own I/O. Stays the same object while the chain
 * below changes; whoever changes it closes {@link #gate}, drains it, and calls {@link #aimAt}.
 *
 * <p>A freeze for a snapshot does not close it: the filter that does copy-on-write must be able to
 * read and write below itself while its device is frozen.
 */
final class LowerDevice implements BlockDevice {
  /** Shut when the filter has left. */
  final Gate gate;

  final String filter;
  private final CallStacks stacks;
  private volatile Link target;

  LowerDevice(String filter, String device, Link target, CallStacks stacks) {
    this.stacks = stacks;
    this.filter = filter;
    this.gate = Gate.ofDataPath("the device below filter " + filter + " on " + device);
    this.target = target;
  }

  void aimAt(Link next) {
    target = next;
  }

  @Override
  public DeviceGeometry geometry() {
    return target.geometry();
  }

  @Override
  public void submit(Bio bio) throws ErrnoException {
    CallStack stack = stack();
    Passage passage = stack.enter(gate);
    try {
      target.submit(bio, stack);
    } finally {
      stack.leave(passage);
    }
  }

  @Override
  public void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor)
      throws ErrnoException {
    CallStack stack = stack();
    Passage passage = stack.enter(gate);
    try {
      target.status(offsetBytes, lengthBytes, visitor, stack);
    } finally {
      stack.leave(passage);
    }
  }

  /** This thread's stack, unless it is one that was given up in the filter. */
  private CallStack stack() throws ErrnoException {
    CallStack stack = stacks.mine();
    if (stack.isEvicted(this)) {
      throw CallStacks.givenUp("I/O of filter " + filter + " below itself");
    }
    return stack;
  }

  @Override
  public boolean mayBlock() {
    return target.mayBlock();
  }
}
