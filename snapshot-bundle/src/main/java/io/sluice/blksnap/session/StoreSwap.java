package io.sluice.blksnap.session;

import io.sluice.blksnap.diff.DiffSpace;
import io.sluice.blksnap.diff.StoreGate;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.swap.ProviderUser;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.Lock;
import java.util.function.BiConsumer;

/**
 * Replaces the provider of stores under held snapshots: their I/O waits, the stores are given away,
 * and taken over by whoever provides their kind afterwards. A store that nobody takes over is lost,
 * and with it the images that need it; writes to the devices go on.
 */
public final class StoreSwap implements ProviderUser {
  private final Lock control;
  private final List<DiffSpace> spaces;
  private final BiConsumer<DiffSpace, ErrnoException> lost;

  /**
   * @param control the engine's lock
   * @param spaces all open stores
   * @param lost ends the images that need a store
   */
  StoreSwap(Lock control, List<DiffSpace> spaces, BiConsumer<DiffSpace, ErrnoException> lost) {
    this.control = control;
    this.spaces = spaces;
    this.lost = lost;
  }

  @Override
  public Suspended suspend(long bundleId, Duration limit) throws ErrnoException {
    control.lock();
    try {
      List<Use> concerned = beginAll(bundleId);
      if (concerned.isEmpty()) {
        return Suspended.NOTHING;
      }
      try {
        concerned.forEach(use -> use.gates.forEach(gate -> gate.close(limit)));
        for (Use use : concerned) {
          for (StoreGate gate : use.gates) {
            gate.drain();
          }
        }
        for (Use use : concerned) {
          for (StoreGate gate : use.gates) {
            gate.handOver();
          }
        }
      } catch (ErrnoException e) {
        try {
          takeUpAll(concerned, limit);
        } catch (ErrnoException second) {
          e.addSuppressed(second);
        }
        throw e;
      }
      return resumeLimit -> takeUpAll(concerned, resumeLimit);
    } finally {
      control.unlock();
    }
  }

  /** The bundle's stores in one space. A use is taken, so that none is closed while it is away. */
  private record Use(DiffSpace space, List<StoreGate> gates) {
    void end() {
      space.endChange();
      space.leave();
    }
  }

  /**
   * All spaces with stores of the bundle; none of them is moved from now on.
   *
   * @throws ErrnoException EBUSY if one is being moved or closed
   */
  private List<Use> beginAll(long bundleId) throws ErrnoException {
    List<Use> begun = new ArrayList<>();
    for (DiffSpace space : spaces) {
      if (!space.uses(bundleId) || space.isClosed()) {
        continue;
      }
      if (!space.enter()) {
        begun.forEach(Use::end);
        throw new ErrnoException(
            Errno.EBUSY, space.user() + ": it is being closed; try again in a moment");
      }
      try {
        space.beginChange();
      } catch (ErrnoException e) {
        space.leave();
        begun.forEach(Use::end);
        throw e;
      }
      begun.add(new Use(space, gatesOf(space, bundleId))); // as a move has left them
    }
    return begun;
  }

  private static List<StoreGate> gatesOf(DiffSpace space, long bundleId) {
    return space.gates().stream().filter(gate -> gate.isProvidedBy(bundleId)).toList();
  }

  /**
   * Takes up all that can be; the first failure is thrown after the others were tried. Without the
   * engine's lock: a take may hold it, which waits for writers, which wait for this.
   */
  private void takeUpAll(List<Use> concerned, Duration limit) throws ErrnoException {
    ErrnoException failure = null;
    for (Use use : concerned) {
      for (StoreGate gate : use.gates) {
        try {
          gate.takeUp(limit);
        } catch (ErrnoException e) {
          lost.accept(use.space, e); // before the writers that wait go on
          ErrnoException told = lostOf(use.space, e);
          if (failure == null) {
            failure = told;
          } else {
            failure.addSuppressed(told);
          }
        }
        gate.open();
      }
      use.end();
    }
    if (failure != null) {
      throw failure;
    }
  }

  private static ErrnoException lostOf(DiffSpace space, ErrnoException cause) {
    return new ErrnoException(
        Errno.EIO,
        space.user()
            + " is lost: "
            + cause.getMessage()
            + "; its images answer EIO, its devices go on; destroy the snapshot",
        cause);
  }

  /** A bundle stops that nothing could keep: what is in its stores can't be relied on any more. */
  public void providerGone(long bundleId, String bundle) {
    for (DiffSpace space : spaces) {
      for (StoreGate gate : space.gates()) {
        if (gate.isOf(bundleId)) {
          ErrnoException cause =
              new ErrnoException(Errno.ESHUTDOWN, space.user() + ": " + bundle + " was stopped");
          gate.lose(cause);
          lost.accept(space, cause);
        }
      }
    }
  }
}
