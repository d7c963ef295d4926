package io.sluice.blksnap;

import io.sluice.blksnap.diff.StoreSource;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.swap.HandOver;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Opens the store that a test puts here; counts its pins. */
public final class MemoryStores implements StoreSource {
  public MemoryStore next = new MemoryStore(0, Long.MAX_VALUE);
  public long providerId = 1;
  public boolean present = true;
  public MemoryStore refused;
  public final List<String> pins = new ArrayList<>();

  @Override
  public Provided open(String kind, String argument, String user) {
    return provided(next, kind, user);
  }

  private Provided provided(MemoryStore store, String kind, String user) {
    String pin = user + " by " + providerId;
    pins.add(pin);
    return new Provided(store, kind, providerId, () -> pins.remove(pin));
  }

  @Override
  public Provided takeOver(String kind, HandOver handOver, String user, Duration limit)
      throws ErrnoException {
    if (!present) {
      throw new ErrnoException(Errno.EINVAL, "store kind " + kind + ": nobody serves it");
    }
    if (refused != null && MemoryStore.isOf(handOver, refused)) {
      throw new ErrnoException(Errno.EIO, "store kind " + kind + ": told to fail");
    }
    next = MemoryStore.takeOver(handOver);
    return provided(next, kind, user);
  }
}
