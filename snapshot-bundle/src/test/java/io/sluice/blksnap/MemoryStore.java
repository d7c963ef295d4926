package io.sluice.blksnap;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.StorageIdentity;
import io.sluice.diffstore.DiffStore;
import io.sluice.swap.HandOver;
import java.nio.ByteBuffer;
import java.nio.channels.Channel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** A store in memory that can be told to fail, and remembers how it grew. */
public final class MemoryStore implements DiffStore {
  private final long capacityMaxBytes;
  private byte[] bytes;
  public final List<Long> growths = new ArrayList<>();
  public Errno failGrow;
  public Errno failWrite;
  public int writeCount;
  public Errno failRead;
  public boolean closed;
  public boolean givable = true;
  public List<StorageIdentity> identities = List.of();

  public MemoryStore(int capacityBytes, long capacityMaxBytes) {
    this.bytes = new byte[capacityBytes];
    this.capacityMaxBytes = capacityMaxBytes;
  }

  /** What {@link #handOver} gave away. */
  static MemoryStore takeOver(HandOver handOver) {
    Channel channel = handOver.channels().get(0);
    MemoryStore before = ((Given) channel).store();
    MemoryStore now = new MemoryStore(0, before.capacityMaxBytes);
    now.bytes = before.bytes;
    return now;
  }

  static boolean isOf(HandOver handOver, MemoryStore store) {
    return ((Given) handOver.channels().get(0)).store() == store;
  }

  /** The open store within a hand-over. */
  private record Given(MemoryStore store) implements Channel {
    @Override
    public boolean isOpen() {
      return !store.closed;
    }

    @Override
    public void close() {
      store.closed = true;
    }
  }

  @Override
  public HandOver handOver() throws ErrnoException {
    if (!givable) {
      return DiffStore.super.handOver(); // refuses
    }
    return new HandOver("memory/1", Map.of(), List.of(new Given(this)), List.of());
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
  public synchronized void read(long offsetBytes, ByteBuffer data) throws ErrnoException {
    if (failRead != null) {
      throw new ErrnoException(failRead, "memory store: told to fail");
    }
    data.put(bytes, (int) offsetBytes, data.remaining());
  }

  @Override
  public synchronized void write(long offsetBytes, ByteBuffer data) throws ErrnoException {
    if (failWrite != null) {
      throw new ErrnoException(failWrite, "memory store: told to fail");
    }
    writeCount++;
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
