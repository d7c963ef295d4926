package io.sluice.registry;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.OriginDevice;
import io.sluice.block.StorageIdentity;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** An origin in memory that keeps a log of what reached it. */
class MemoryOrigin implements OriginDevice {
  static final int BLOCK_SIZE_BYTES = 512;

  final byte[] bytes;
  final List<String> log = Collections.synchronizedList(new ArrayList<>());
  volatile StorageIdentity identity;
  volatile boolean closed;

  /** Whether bios are logged; off where memory is counted. */
  volatile boolean logging = true;

  /** Why it is lost, or empty. */
  volatile String lost = "";

  /** Run with each bio before it takes effect. */
  volatile Step before = bio -> {};

  private final String path;
  private volatile DeviceGeometry geometry;

  @FunctionalInterface
  interface Step {
    void run(Bio bio) throws ErrnoException;
  }

  MemoryOrigin(String path, int sizeBytes, Set<BioOp> ops) {
    this.path = path;
    this.bytes = new byte[sizeBytes];
    this.identity = new StorageIdentity(false, 1, System.identityHashCode(this));
    this.geometry = new DeviceGeometry(sizeBytes, BLOCK_SIZE_BYTES, 4096, false, false, ops);
  }

  @Override
  public String path() {
    return path;
  }

  @Override
  public StorageIdentity identity() {
    return identity;
  }

  @Override
  public DeviceGeometry geometry() {
    return geometry;
  }

  void setGeometry(DeviceGeometry next) {
    geometry = next;
  }

  @Override
  public void submit(Bio bio) throws ErrnoException {
    before.run(bio);
    geometry.check(bio, path);
    if (closed) {
      throw new ErrnoException(Errno.ESHUTDOWN, path + " is closed");
    }
    int at = (int) bio.offsetBytes();
    if (logging) {
      log.add(bio.toString());
    }
    synchronized (bytes) {
      ByteBuffer data = bio.data();
      switch (bio.op()) {
        case READ -> data.put(bytes, at, data.remaining());
        case WRITE -> data.get(bytes, at, data.remaining());
        case WRITE_ZEROES, DISCARD -> Arrays.fill(bytes, at, (int) bio.endBytes(), (byte) 0);
        case FLUSH -> {}
      }
    }
  }

  @Override
  public Optional<String> lost() {
    return Optional.of(lost).filter(reason -> !reason.isEmpty());
  }

  @Override
  public void close() {
    closed = true;
  }
}
