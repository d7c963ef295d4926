package io.sluice.tck;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.StorageIdentity;
import io.sluice.diffstore.DiffStore;
import io.sluice.diffstore.DiffStoreProvider;
import io.sluice.swap.HandOver;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Stores on the heap that keep every rule. The argument is the path of a file, which stands for the
 * storage: who has it open, who may read it, and its identity.
 */
class HeapStores implements DiffStoreProvider {
  static final int CAPACITY_MAX_BYTES = 8 << 20;
  static final String FORMAT = "heap/1";

  /** What all versions of the provider share, as they would the kernel. */
  static final Map<String, byte[]> HELD = new ConcurrentHashMap<>();

  @Override
  public Set<String> kinds() {
    return Set.of("heap");
  }

  /** The permissions of a new file. */
  String permissions() {
    return "rw-------";
  }

  /** Makes the store. */
  Store store(String path, byte[] bytes) {
    return new Store(path, bytes);
  }

  boolean mayOpen(String path) {
    return !HELD.containsKey(path);
  }

  @Override
  public DiffStore open(String kind, String argument) throws ErrnoException {
    if (!mayOpen(argument)) {
      throw new ErrnoException(Errno.EBUSY, argument + " is held");
    }
    Path file = Path.of(argument);
    try {
      if (!Files.exists(file)) {
        Files.createFile(file);
      }
      Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(permissions()));
    } catch (IOException e) {
      throw new ErrnoException(Errno.EIO, argument, e);
    }
    HELD.put(argument, new byte[0]);
    return store(argument, new byte[0]);
  }

  @Override
  public DiffStore takeOver(HandOver handOver) throws ErrnoException {
    if (!handOver.format().equals(FORMAT)) {
      return DiffStoreProvider.super.takeOver(handOver);
    }
    String path = handOver.properties().get("path");
    return store(path, HELD.get(path));
  }

  /** One of them. */
  static class Store implements DiffStore {
    final String path;
    byte[] bytes;
    boolean closed;

    Store(String path, byte[] bytes) {
      this.path = path;
      this.bytes = bytes;
    }

    @Override
    public long capacityBytes() {
      return bytes.length;
    }

    @Override
    public long capacityMaxBytes() {
      return CAPACITY_MAX_BYTES;
    }

    private void check(long offsetBytes, ByteBuffer data) throws ErrnoException {
      if (offsetBytes < 0 || offsetBytes > capacityBytes() - data.remaining()) {
        throw new ErrnoException(Errno.EINVAL, offsetBytes + " is outside");
      }
    }

    @Override
    public synchronized void read(long offsetBytes, ByteBuffer data) throws ErrnoException {
      check(offsetBytes, data);
      data.put(bytes, (int) offsetBytes, data.remaining());
    }

    @Override
    public synchronized void write(long offsetBytes, ByteBuffer data) throws ErrnoException {
      check(offsetBytes, data);
      data.get(bytes, (int) offsetBytes, data.remaining());
    }

    @Override
    public void grow(long capacityBytes) throws ErrnoException {
      if (capacityBytes > CAPACITY_MAX_BYTES) {
        throw new ErrnoException(Errno.ENOSPC, "no room for " + capacityBytes);
      }
      bytes = Arrays.copyOf(bytes, (int) capacityBytes);
    }

    @Override
    public void release(long offsetBytes, long lengthBytes) {
      Arrays.fill(bytes, (int) offsetBytes, (int) (offsetBytes + lengthBytes), (byte) 0);
    }

    @Override
    public String description() {
      return "heap " + path;
    }

    @Override
    public List<StorageIdentity> identities() {
      try {
        Map<String, Object> status = Files.readAttributes(Path.of(path), "unix:dev,ino");
        long device = ((Number) status.get("dev")).longValue();
        return List.of(new StorageIdentity(false, device, (long) status.get("ino")));
      } catch (IOException e) {
        throw new java.io.UncheckedIOException(e);
      }
    }

    @Override
    public HandOver handOver() throws ErrnoException {
      HELD.put(path, bytes);
      closed = true;
      return new HandOver(FORMAT, Map.of("path", path), List.of(), List.of());
    }

    @Override
    public void close() throws ErrnoException {
      if (!closed) {
        closed = true;
        HELD.remove(path);
      }
    }
  }
}
