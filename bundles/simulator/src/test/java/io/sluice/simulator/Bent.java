package io.sluice.simulator;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import io.sluice.block.StorageIdentity;
import io.sluice.diffstore.DiffStore;
import io.sluice.filter.Filter;
import io.sluice.snapshot.CbtInfo;
import io.sluice.snapshot.ChangeReport;
import io.sluice.snapshot.ChangeTracking;
import io.sluice.snapshot.MoveProgress;
import io.sluice.snapshot.SectorRange;
import io.sluice.snapshot.SnapshotControl;
import io.sluice.snapshot.SnapshotEvent;
import io.sluice.snapshot.SnapshotInfo;
import io.sluice.snapshot.SnapshotRequest;
import io.sluice.snapshot.StoreRequest;
import io.sluice.snapshot.TakeRequest;
import io.sluice.swap.HandOver;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;

/** Forwarders that a mutant bends in one method. */
final class Bent {
  private Bent() {}

  /** A filter around another. */
  abstract static class BentFilter implements Filter {
    final Filter inner;

    BentFilter(Filter inner) {
      this.inner = inner;
    }

    @Override
    public void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor, BlockDevice next)
        throws ErrnoException {
      inner.status(offsetBytes, lengthBytes, visitor, next);
    }

    @Override
    public Map<String, Object> ctl(String command, List<String> arguments) throws ErrnoException {
      return inner.ctl(command, arguments);
    }

    @Override
    public void checkDetach() throws ErrnoException {
      inner.checkDetach();
    }

    @Override
    public void quarantined(String fault) {
      inner.quarantined(fault);
    }

    @Override
    public void deviceLost(String reason) {
      inner.deviceLost(reason);
    }

    @Override
    public void detach() {
      inner.detach();
    }
  }

  /** A device around another. */
  static class BentDevice implements BlockDevice {
    final BlockDevice inner;

    BentDevice(BlockDevice inner) {
      this.inner = inner;
    }

    @Override
    public DeviceGeometry geometry() {
      return inner.geometry();
    }

    @Override
    public boolean mayBlock() {
      return inner.mayBlock();
    }

    @Override
    public void submit(Bio bio) throws ErrnoException {
      inner.submit(bio);
    }

    @Override
    public void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor)
        throws ErrnoException {
      inner.status(offsetBytes, lengthBytes, visitor);
    }
  }

  /** The device below, for an engine that is to believe that its write has happened. */
  static final class ReadsOnly extends BentDevice {
    ReadsOnly(BlockDevice inner) {
      super(inner);
    }

    @Override
    public void submit(Bio bio) throws ErrnoException {
      if (!bio.op().modifiesData()) {
        super.submit(bio);
      }
    }
  }

  /** A store around another. */
  static class BentStore implements DiffStore {
    final DiffStore inner;

    BentStore(DiffStore inner) {
      this.inner = inner;
    }

    @Override
    public long capacityBytes() {
      return inner.capacityBytes();
    }

    @Override
    public long capacityMaxBytes() {
      return inner.capacityMaxBytes();
    }

    @Override
    public void read(long offsetBytes, ByteBuffer data) throws ErrnoException {
      inner.read(offsetBytes, data);
    }

    @Override
    public void write(long offsetBytes, ByteBuffer data) throws ErrnoException {
      inner.write(offsetBytes, data);
    }

    @Override
    public void grow(long capacityBytes) throws ErrnoException {
      inner.grow(capacityBytes);
    }

    @Override
    public void release(long offsetBytes, long lengthBytes) {
      inner.release(offsetBytes, lengthBytes);
    }

    @Override
    public String description() {
      return inner.description();
    }

    @Override
    public List<StorageIdentity> identities() {
      return inner.identities();
    }

    @Override
    public HandOver handOver() throws ErrnoException {
      return inner.handOver();
    }

    @Override
    public void close() throws ErrnoException {
      inner.close();
    }
  }

  /** Tracking around another. */
  static class BentTracking implements ChangeTracking {
    final ChangeTracking inner;

    BentTracking(ChangeTracking inner) {
      this.inner = inner;
    }

    @Override
    public CbtInfo info(String device) throws ErrnoException {
      return inner.info(device);
    }

    @Override
    public void readMap(String device, long firstBlock, ByteBuffer target) throws ErrnoException {
      inner.readMap(device, firstBlock, target);
    }

    @Override
    public void markDirty(String device, List<SectorRange> ranges) throws ErrnoException {
      inner.markDirty(device, ranges);
    }

    @Override
    public List<SectorRange> changedSince(String device, UUID generation, int number)
        throws ErrnoException {
      return inner.changedSince(device, generation, number);
    }

    @Override
    public ChangeReport explain(String device, UUID generation, int number, int topCount)
        throws ErrnoException {
      return inner.explain(device, generation, number, topCount);
    }
  }

  /** Verbs around others. */
  static class BentControl implements SnapshotControl {
    final SnapshotControl inner;

    BentControl(SnapshotControl inner) {
      this.inner = inner;
    }

    @Override
    public UUID create(SnapshotRequest request) throws ErrnoException {
      return inner.create(request);
    }

    @Override
    public void add(UUID snapshot, String device) throws ErrnoException {
      inner.add(snapshot, device);
    }

    @Override
    public SnapshotInfo take(TakeRequest request) throws ErrnoException {
      return inner.take(request);
    }

    @Override
    public SnapshotInfo info(UUID snapshot) throws ErrnoException {
      return inner.info(snapshot);
    }

    @Override
    public List<SnapshotInfo> list() {
      return inner.list();
    }

    @Override
    public Optional<SnapshotEvent> waitEvent(UUID snapshot, Duration timeout)
        throws ErrnoException {
      return inner.waitEvent(snapshot, timeout);
    }

    @Override
    public void addStore(UUID snapshot, StoreRequest store) throws ErrnoException {
      inner.addStore(snapshot, store);
    }

    @Override
    public void moveStores(UUID snapshot, StoreRequest store, MoveProgress progress)
        throws ErrnoException {
      inner.moveStores(snapshot, store, progress);
    }

    @Override
    public void destroy(UUID snapshot) throws ErrnoException {
      inner.destroy(snapshot);
    }

    @Override
    public UUID resolve(String idOrName) throws ErrnoException {
      return inner.resolve(idOrName);
    }
  }

  /** A lock around another. */
  static class BentLock implements Lock {
    final Lock inner;

    BentLock(Lock inner) {
      this.inner = inner;
    }

    @Override
    public void lock() {
      inner.lock();
    }

    @Override
    public void unlock() {
      inner.unlock();
    }

    @Override
    public void lockInterruptibly() throws InterruptedException {
      inner.lockInterruptibly();
    }

    @Override
    public boolean tryLock() {
      return inner.tryLock();
    }

    @Override
    public boolean tryLock(long time, TimeUnit unit) throws InterruptedException {
      return inner.tryLock(time, unit);
    }

    @Override
    public Condition newCondition() {
      return inner.newCondition();
    }
  }
}
