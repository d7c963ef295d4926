package io.sluice.blksnap;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.StorageIdentity;
import io.sluice.diffstore.DiffStore;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A store in memory that can be told to fail, and remembers how it grew. */
public final class MemoryStore implements DiffStore {
  private final long capacityMaxBytes;
  private byte[] bytes;
  public final List<Long> growths = new ArrayList<>();
  public Errno failGrow;
  public Errno failWrite;
  public boolean closed;
  public List<StorageIdentity> identities = List.of();

  public MemoryStore(int capacityBytes, long capacityMaxBytes) {
    this.bytes = new byte[capacityBytes];
    this.capacityMaxBytes = capacityMaxBytes;
  }

  @Override
  public synchronized long capacityBytes() {
    return bytes.length;
  }

  @Override
  public long capacityMaxBytes() {
    return capacityMaxBytes;
  }

  @Override
  public synchronized void read(long offsetBytes, ByteBuffer data) {
    data.put(bytes, (int) offsetBytes, data.remaining());
  }

  @Override
  public synchronized void write(long offsetBytes, ByteBuffer data) throws ErrnoException {
    if (failWrite != null) {
      throw new ErrnoException(failWrite, "memory store: told to fail");
    }
    data.get(bytes, (int) offsetBytes, data.remaining());
  }

  @Override
  public synchronized void grow(long capacityBytes) throws ErrnoException {
    if (failGrow != null) {
      throw new ErrnoException(failGrow, "memory store: told not to grow");
    }
    growths.add(capacityBytes);
    bytes = Arrays.copyOf(bytes, (int) capacityBytes);
  }

  @Override
  public void release(long offsetBytes, long lengthBytes) {}

  @Override
  public String description() {
    return "memory store";
  }

  @Override
  public List<StorageIdentity> identities() {
    return identities;
  }

  @Override
  public void close() {
    closed = true;
  }
}
