package io.sluice.registry;

import io.sluice.block.Bio;
import io.sluice.block.ErrnoException;

/**
 * The way of a bio through one filter. Instances are of copies of this class alone, one for each
 * registered filter, which {@link LinkTailor} makes: so whoever compiles this code at run time sees
 * one filter in it, and can build the filter's own code into it, and that of the next link into the
 * filter's. With one class for all filters each of these steps is a jump that nobody foresees, for
 * every bio.
 */
final class TailoredLink extends ChainLink {
  TailoredLink(AttachedFilter filter, Link next, String above) {
    super(filter, next, above);
  }

  @Override
  void submit(Bio bio, CallStack stack) throws ErrnoException {
    if (filter.state() != AttachedFilter.State.ATTACHED) {
      submitInQuarantine(bio, stack);
      return;
    }
    if ((opBits & AttachedFilter.bit(bio.op())) == 0) {
      submitUnknown(bio, stack);
      return;
    }
    Call call = stack.prepare(this);
    call.given.note(bio);
    call.count(bioCount);
    stack.begin(call);
    Throwable thrown = null;
    try {
      body.submit(bio, next);
    } catch (Throwable t) {
      thrown = t;
    }
    boolean served = call.passCount > 0 || call.given.isConsumed();
    boolean changed = !call.given.isUnchanged(bio);
    int end = stack.end(call);
    if (thrown != null || end != Call.INSIDE || changed || !served) {
      conclude(bio, stack, call.given, thrown, end, changed);
    } else {
      call.given.forget();
    }
  }
}
