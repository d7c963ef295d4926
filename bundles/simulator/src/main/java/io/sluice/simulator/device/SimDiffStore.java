package io.sluice.simulator.device;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.StorageIdentity;
import io.sluice.diffstore.DiffStore;
import io.sluice.simulator.schedule.SimFailure;
import io.sluice.simulator.schedule.SimScheduler;
import io.sluice.swap.HandOver;
import java.nio.ByteBuffer;
import java.nio.channels.Channel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Map;

/**
 * A store in memory that holds its user to the SPI: nothing is read that was not written, nothing
 * is beyond the capacity, reads and writes that run at once do not overlap, and nothing runs at or
 * after the close.
 */
public final class SimDiffStore implements DiffStore {
  private static final int SLICE_BYTES = 16;

  private final SimScheduler scheduler;
  private final Faults faults;
  private final FaultListener listener;
  private final String name;
  private final long capacityMaxBytes;
  private final BitSet written = new BitSet();
  private final List<Flight> flights = new ArrayList<>(4);
  private byte[] bytes;
  private boolean growing;
  private boolean closed;
  private HandOver given;
  private long highestBytes;

  private record Flight(long startBytes, long endBytes, boolean write, String task) {}

  /**
   * Opens a store, unless a fault forbids it.
   *
   * @param capacityBytes what it has at first
   * @param capacityMaxBytes what it can grow to
   */
  public static SimDiffStore open(
      SimScheduler scheduler,
      Faults faults,
      FaultListener listener,
      String name,
      int capacityBytes,
      long capacityMaxBytes)
      throws ErrnoException {
    SimDiffStore store =
        new SimDiffStore(scheduler, faults, listener, name, capacityBytes, capacityMaxBytes);
    store.strike(FaultSite.STORE_OPEN, "opening");
    return store;
  }

  private SimDiffStore(
      SimScheduler scheduler,
      Faults faults,
      FaultListener listener,
      String name,
      int capacityBytes,
      long capacityMaxBytes) {
    this.scheduler = scheduler;
    this.faults = faults;
    this.listener = listener;
    this.name = name;
    this.capacityMaxBytes = capacityMaxBytes;
    this.bytes = new byte[capacityBytes];
    Arrays.fill(bytes, (byte) 0xDB); // another tenant's data: never to be seen
  }

  /**
   * Goes on with a store that was given away, unless a fault forbids it.
   *
   * @param handOver what {@link #handOver} gave
   */
  public static SimDiffStore takeOver(HandOver handOver) throws ErrnoException {
    SimDiffStore before = ((Given) handOver.channels().get(0)).store;
    before.strike(FaultSite.STORE_TAKE_OVER, "take-over");
    SimDiffStore store =
        new SimDiffStore(
            before.scheduler,
            before.faults,
            before.listener,
            before.name,
            0,
            before.capacityMaxBytes);
    store.bytes = before.bytes;
    store.written.or(before.written);
    store.highestBytes = before.highestBytes;
    before.given = null;
    before.closed = true;
    return store;
  }

  /** The open store within a hand-over. */
  private static final class Given implements Channel {
    private final SimDiffStore store;

    Given(SimDiffStore store) {
      this.store = store;
    }

    @Override
    public boolean isOpen() {
      return !store.closed;
    }

    @Override
    public void close() {
      store.given = null;
      store.closed = true;
    }
  }

  @Override
  public HandOver handOver() throws ErrnoException {
    if (closed || given != null || !flights.isEmpty() || growing) {
      throw misuse("hand-over beside " + (growing ? "a growth" : flights));
    }
    strike(FaultSite.STORE_HAND_OVER, "hand-over");
    given = new HandOver("sim-store/1", Map.of(), List.of(new Given(this)), List.of());
    return given;
  }

  /** Whether it was let go. */
  public boolean isClosed() {
    return closed;
  }

  /** The highest byte written, exclusive. */
  public long highestBytes() {
    return highestBytes;
  }

  /** Its name, which is the argument it was opened by. */
  public String name() {
    return name;
  }

  @Override
  public long capacityBytes() {
    return bytes.length;
  }

  @Override
  public long capacityMaxBytes() {
    return capacityMaxBytes;
  }

  private SimFailure misuse(String text) {
    return scheduler.fail(
        new SimFailure("P7 store: " + scheduler.current().name() + ": " + text + " on " + name));
  }

  private IoRecord record() {
    return (IoRecord) scheduler.current().attachment();
  }

  private void strike(FaultSite site, String what) throws ErrnoException {
    Errno errno = faults.strike(site);
    if (errno != null) {
      IoRecord record = record();
      if (record != null) {
        record.storeFailed = true;
      }
      listener.storeFailed(this, site, record);
      throw new ErrnoException(errno, what + " of " + name + ": injected");
    }
  }

  private Flight begin(long offsetBytes, ByteBuffer data, boolean write) {
    long end = offsetBytes + data.remaining();
    String what = (write ? "write " : "read ") + offsetBytes + "+" + data.remaining();
    if (closed || given != null) {
      throw misuse(what + " after the " + (closed ? "close" : "hand-over"));
    }
    if (offsetBytes < 0 || end > bytes.length) {
      throw misuse(what + " beyond the capacity of " + bytes.length);
    }
    for (Flight other : flights) {
      if (write && other.write && offsetBytes < other.endBytes && end > other.startBytes) {
        throw misuse(what + " beside " + other);
      }
    }
    if (!write) {
      int first = (int) offsetBytes / SLICE_BYTES;
      int unwritten = written.nextClearBit(first);
      if (unwritten < (end + SLICE_BYTES - 1) / SLICE_BYTES) {
        throw misuse(what + " of what was never written, at " + unwritten * SLICE_BYTES);
      }
    }
    Flight flight = new Flight(offsetBytes, end, write, scheduler.current().name());
    flights.add(flight);
    return flight;
  }

  @Override
  public void read(long offsetBytes, ByteBuffer data) throws ErrnoException {
    Flight flight = begin(offsetBytes, data, false);
    try {
      scheduler.yieldPoint();
      IoRecord record = record();
      if (record != null) {
        record.storeReads++;
      }
      listener.storeCalled();
      strike(FaultSite.STORE_READ, "read");
      data.put(bytes, (int) offsetBytes, data.remaining());
      scheduler.yieldPoint();
    } finally {
      flights.remove(flight);
    }
  }

  @Override
  public void write(long offsetBytes, ByteBuffer data) throws ErrnoException {
    Flight flight = begin(offsetBytes, data, true);
    try {
      scheduler.yieldPoint();
      listener.storeCalled();
      strike(FaultSite.STORE_WRITE, "write");
      int length = data.remaining();
      data.get(bytes, (int) offsetBytes, length);
      long end = offsetBytes + length;
      written.set((int) offsetBytes / SLICE_BYTES, (int) ((end + SLICE_BYTES - 1) / SLICE_BYTES));
      highestBytes = Math.max(highestBytes, end);
      scheduler.yieldPoint();
    } finally {
      flights.remove(flight);
    }
  }

  @Override
  public void grow(long capacityBytes) throws ErrnoException {
    if (closed || given != null || growing) {
      throw misuse(closed ? "growth after the close" : "growth beside another one");
    }
    if (capacityBytes < bytes.length || capacityBytes > capacityMaxBytes) {
      throw misuse(
          "growth from " + bytes.length + " to " + capacityBytes + ", max " + capacityMaxBytes);
    }
    growing = true;
    try {
      scheduler.yieldPoint();
      listener.storeCalled();
      strike(FaultSite.STORE_GROW, "growth");
      int old = bytes.length;
      bytes = Arrays.copyOf(bytes, (int) capacityBytes);
      Arrays.fill(bytes, old, bytes.length, (byte) 0xDB);
      scheduler.yieldPoint();
    } finally {
      growing = false;
    }
  }

  @Override
  public void release(long offsetBytes, long lengthBytes) {
    if (closed) {
      throw misuse("release after the close");
    }
    for (long at = offsetBytes; at < offsetBytes + lengthBytes; at += SLICE_BYTES) {
      written.clear((int) at / SLICE_BYTES);
    }
  }

  @Override
  public String description() {
    return "sim store " + name;
  }

  @Override
  public List<StorageIdentity> identities() {
    return List.of(new StorageIdentity(false, 2, name.hashCode()));
  }

  @Override
  public void close() {
    if (closed) {
      throw misuse("close after the close");
    }
    if (!flights.isEmpty() || growing || given != null) {
      throw misuse("close beside " + (growing ? "a growth" : flights));
    }
    closed = true;
  }
}
