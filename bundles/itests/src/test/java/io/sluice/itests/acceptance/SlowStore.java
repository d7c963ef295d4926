package io.sluice.itests.acceptance;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.StorageIdentity;
import io.sluice.diffstore.DiffStore;
import io.sluice.diffstore.DiffStoreProvider;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.osgi.framework.BundleContext;
import org.osgi.framework.ServiceRegistration;

/**
 * A store in memory whose writes wait until they are let go, or that does not grow, and that counts
 * what it is asked at once. It serves one snapshot at a time.
 */
final class SlowStore implements DiffStoreProvider, DiffStore {
  static final String KIND = "slow";

  private final ByteBuffer bytes;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  // Guarded by the lock.
  private long capacityBytes;
  private boolean held;
  private boolean growable = true;
  private int growthsRefused;
  private long bytesNow;
  private long mostBytesAtOnce;

  SlowStore(long capacityMaxBytes) {
    bytes = ByteBuffer.allocateDirect(Math.toIntExact(capacityMaxBytes));
  }

  ServiceRegistration<DiffStoreProvider> register(BundleContext context) {
    return context.registerService(DiffStoreProvider.class, this, null);
  }

  void holdWrites() {
    locked(() -> held = true);
  }

  void letGo() {
    locked(() -> held = false);
  }

  void growable(boolean may) {
    locked(() -> growable = may);
  }

  int growthsRefused() {
    lock.lock();
    try {
      return growthsRefused;
    } finally {
      lock.unlock();
    }
  }

  long mostBytesAtOnce() {
    lock.lock();
    try {
      return mostBytesAtOnce;
    } finally {
      lock.unlock();
    }
  }

  private void locked(Runnable change) {
    lock.lock();
    try {
      change.run();
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public Set<String> kinds() {
    return Set.of(KIND);
  }

  @Override
  public DiffStore open(String kind, String argument) {
    return this;
  }

  @Override
  public long capacityBytes() {
    lock.lock();
    try {
      return capacityBytes;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public long capacityMaxBytes() {
    return bytes.capacity();
  }

  @Override
  public void grow(long toBytes) throws ErrnoException {
    lock.lock();
    try {
      if (!growable) {
        growthsRefused++;
        throw new ErrnoException(Errno.ENOSPC, "slow store: it is told not to grow");
      }
      capacityBytes = toBytes;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void read(long offsetBytes, ByteBuffer data) {
    data.put(bytes.slice((int) offsetBytes, data.remaining()));
  }

  @Override
  public void write(long offsetBytes, ByteBuffer data) {
    int lengthBytes = data.remaining();
    lock.lock();
    try {
      bytesNow += lengthBytes;
      mostBytesAtOnce = Math.max(mostBytesAtOnce, bytesNow);
      changed.signalAll();
      while (held) {
        changed.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
    bytes.slice((int) offsetBytes, lengthBytes).put(data);
    locked(() -> bytesNow -= lengthBytes);
  }

  @Override
  public void release(long offsetBytes, long lengthBytes) {}

  @Override
  public String description() {
    return "slow store";
  }

  @Override
  public List<StorageIdentity> identities() {
    return List.of();
  }

  @Override
  public void close() {}
}
