package io.sluice.blksnap.session;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import io.sluice.block.StorageIdentity;
import io.sluice.filter.AttachRequest;
import io.sluice.filter.ChainEntry;
import io.sluice.filter.Filter;
import io.sluice.filter.FilterHost;
import io.sluice.filter.FilterInfo;
import io.sluice.filter.FilterOperations;
import io.sluice.filter.FilterRegistry;
import io.sluice.filter.Frozen;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collection;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Disks in memory, each with room for one filter; for tests that need neither gates nor chains. */
final class MemoryRegistry implements FilterRegistry {
  final Map<String, Disk> disks = new LinkedHashMap<>();
  FilterOperations operations;
  int freezeCount;

  /** A disk and the live device over it. */
  final class Disk implements BlockDevice, FilterHost {
    final String name;
    byte[] bytes;
    Filter filter;
    Errno failReads;
    Error failStatus;

    Disk(String name, int sizeBytes) {
      this.name = name;
      this.bytes = new byte[sizeBytes];
      disks.put(name, this);
    }

    @Override
    public DeviceGeometry geometry() {
      return new DeviceGeometry(bytes.length, 1, 4096, false, false, EnumSet.allOf(BioOp.class));
    }

    @Override
    public void submit(Bio bio) throws ErrnoException {
      int at = (int) bio.offsetBytes();
      switch (bio.op()) {
        case READ -> {
          if (failReads != null) {
            throw new ErrnoException(failReads, "disk " + name + ": told to fail");
          }
          if (bio.flags() != 0) {
            throw new AssertionError("a read with flags: " + bio);
          }
          bio.data().put(bytes, at, bio.data().remaining());
        }
        case WRITE -> bio.data().get(bytes, at, bio.data().remaining());
        case WRITE_ZEROES, DISCARD ->
            Arrays.fill(bytes, at, at + (int) bio.lengthBytes(), (byte) 0);
        case FLUSH -> {}
      }
    }

    @Override
    public void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor) {
      if (failStatus != null) {
        throw failStatus;
      }
      long end = Math.min(offsetBytes + lengthBytes, bytes.length);
      for (long at = offsetBytes; at < end; ) {
        boolean zero = bytes[(int) at] == 0;
        long from = at;
        while (at < end && (bytes[(int) at] == 0) == zero) {
          at++;
        }
        if (!visitor.extent(at - from, zero ? ExtentVisitor.HOLE | ExtentVisitor.ZERO : 0)) {
          return;
        }
      }
    }

    void live(Bio bio) throws ErrnoException {
      if (filter == null) {
        submit(bio);
      } else {
        filter.submit(bio, this);
      }
    }

    void write(int offset, byte[] data) throws ErrnoException {
      live(new Bio().write(offset, ByteBuffer.wrap(data), 0));
    }

    @Override
    public String deviceName() {
      return name;
    }

    @Override
    public String originPath() {
      return "/memory/" + name;
    }

    @Override
    public StorageIdentity originIdentity() {
      return new StorageIdentity(false, 7, name.hashCode());
    }

    /** The bytes themselves, as far as a test needs: equal stamps, equal bytes. */
    @Override
    public Optional<String> originStamp() {
      return Optional.of(Arrays.hashCode(bytes) + " of " + bytes.length);
    }

    @Override
    public BlockDevice lower() {
      return this;
    }
  }

  private Disk disk(String name) throws ErrnoException {
    Disk disk = disks.get(name);
    if (disk == null) {
      throw new ErrnoException(Errno.ENODEV, "no device " + name);
    }
    return disk;
  }

  @Override
  public void attach(AttachRequest request) throws ErrnoException {
    Disk disk = disk(request.device());
    if (disk.filter != null) {
      throw new ErrnoException(Errno.EALREADY, "attached to " + disk.name);
    }
    disk.filter = operations.attach(disk, request.options());
  }

  @Override
  public void detach(String device, String filter) throws ErrnoException {
    Disk disk = disk(device);
    disk.filter.checkDetach();
    forceDetach(disk);
  }

  void forceDetach(Disk disk) {
    Filter filter = disk.filter;
    disk.filter = null;
    filter.detach();
  }

  @Override
  public List<ChainEntry> chain(String device) throws ErrnoException {
    disk(device);
    return List.of();
  }

  @Override
  public Frozen freeze(Collection<String> devices, Duration drainLimit) throws ErrnoException {
    for (String name : devices) {
      disk(name);
    }
    freezeCount++;
    return new Frozen() {
      @Override
      public long heldNanos() {
        return 1;
      }

      @Override
      public void close() {}
    };
  }

  @Override
  public void register(FilterOperations ops) {
    operations = ops;
  }

  @Override
  public void unregister(FilterOperations ops) {
    throw new UnsupportedOperationException();
  }

  @Override
  public List<FilterInfo> filters() {
    throw new UnsupportedOperationException();
  }

  @Override
  public Map<String, Object> ctl(String device, String filter, String command, List<String> args) {
    throw new UnsupportedOperationException();
  }
}
