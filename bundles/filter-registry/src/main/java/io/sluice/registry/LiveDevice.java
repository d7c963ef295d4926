package io.sluice.registry;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.DeviceHolder;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import io.sluice.block.OriginDevice;
import io.sluice.block.OriginOptions;
import io.sluice.filter.AttachRequest;
import io.sluice.filter.DeviceInfo;
import io.sluice.filter.DeviceStats;
import java.io.Closeable;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Semaphore;

/** An origin seen through its filters: checks each bio, counts it, and lets it into the chain. */
final class LiveDevice implements BlockDevice {
  /**
   * A discard or write-zeroes that is longer goes through the gate in pieces of this size, so that
   * a freeze need not wait for a terabyte to be zeroed.
   */
  static final long RANGE_PIECE_MAX_BYTES = 64L << 20;

  final String name;
  final OriginDevice origin;
  final Gate gate;

  /**
   * Whose turn it is to change or freeze the device. A semaphore, because a thread may end a freeze
   * that another one began.
   */
  final Semaphore turn = new Semaphore(1, true);

  /** Lower devices of filters that left with bios still in them; guarded by {@link #turn}. */
  final List<LowerDevice> lingering = new ArrayList<>();

  final CallStacks stacks;
  final Loss loss;

  private final Watch watch;
  private final OriginOptions options;
  private final DeviceCounters counters = new DeviceCounters();

  /** Changed by the owner of {@link #turn}, read once by each bio inside the gate. */
  private volatile Chain chain;

  /** One element per hold; guarded by itself, and so is {@link #leaving}. */
  private final List<Hold> holds = new ArrayList<>();

  private boolean leaving;

  LiveDevice(String name, OriginDevice origin, OriginOptions options, Watch watch) {
    this.watch = watch;
    this.stacks = watch.stacks;
    this.loss = new Loss(name, origin, this::chain);
    this.name = name;
    this.origin = origin;
    this.options = options;
    this.gate = Gate.ofDataPath("device " + name);
    this.chain = Chain.of(new OriginLink(origin, loss, stacks));
  }

  Chain chain() {
    return chain;
  }

  void switchTo(Chain next) {
    chain = next;
    next.aimLowerDevices();
    loss.tell(next);
    watch.wake();
  }

  @Override
  public DeviceGeometry geometry() {
    return chain.head().geometry();
  }

  @Override
  public void submit(Bio bio) throws ErrnoException {
    BioOp op = bio.op();
    long lengthBytes = bio.lengthBytes();
    try {
      if (lengthBytes > RANGE_PIECE_MAX_BYTES && !op.carriesData()) {
        submitInPieces(bio);
      } else {
        submitWhole(bio);
      }
    } catch (ErrnoException e) {
      counters.failed();
      throw e;
    }
    counters.completed(op, lengthBytes);
  }

  private void submitWhole(Bio bio) throws ErrnoException {
    CallStack stack = stacks.mine();
    Passage passage = stack.enter(gate);
    try {
      Link head = chain.head();
      check(bio, head.geometry());
      ByteBuffer data = bio.data();
      if (data == null) {
        if (bio.lengthBytes() > 0 || bio.op() == BioOp.FLUSH) {
          head.submit(bio, stack);
        }
        return;
      }
      checkBuffer(bio, data);
      if (bio.lengthBytes() > 0) {
        int limit = data.limit();
        head.submit(bio, stack);
        // A filter that completes a bio alone need not know what a buffer must look like then.
        data.limit(limit).position(limit);
      }
    } finally {
      stack.leave(passage);
    }
  }

  private void check(Bio bio, DeviceGeometry geometry) throws ErrnoException {
    loss.check(bio);
    if (bio.endBytes() > geometry.sizeBytes() && loss.look()) {
      // The client asks for what was there when it came.
      throw loss.error(bio.toString());
    }
    geometry.check(bio, name);
  }

  private void checkBuffer(Bio bio, ByteBuffer data) throws ErrnoException {
    if (data.remaining() != bio.lengthBytes()) {
      throw new ErrnoException(
          Errno.EINVAL,
          bio
              + " on "
              + name
              + ": the buffer has "
              + data.remaining()
              + " bytes by now; set the bio up again before each use");
    }
    if (bio.op() == BioOp.READ && data.isReadOnly()) {
      throw new ErrnoException(Errno.EINVAL, bio + " on " + name + ": the buffer is read-only");
    }
  }

  private void submitInPieces(Bio bio) throws ErrnoException {
    geometry().check(bio, name);
    Bio piece = new Bio();
    long endBytes = bio.endBytes();
    for (long offset = bio.offsetBytes(); offset < endBytes; offset += piece.lengthBytes()) {
      long length = Math.min(RANGE_PIECE_MAX_BYTES, endBytes - offset);
      if (bio.op() == BioOp.DISCARD) {
        piece.discard(offset, length, bio.flags());
      } else {
        piece.writeZeroes(offset, length, bio.flags());
      }
      submitWhole(piece);
    }
  }

  @Override
  public void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor)
      throws ErrnoException {
    CallStack stack = stacks.mine();
    Passage passage = stack.enter(gate);
    try {
      Link head = chain.head();
      DeviceGeometry geometry = head.geometry();
      long sizeBytes = geometry.sizeBytes();
      if (offsetBytes < 0
          || lengthBytes < 1
          || offsetBytes >= sizeBytes
          || offsetBytes % geometry.blockSizeBytes() != 0) {
        throw new ErrnoException(
            Errno.EINVAL,
            "block status of "
                + offsetBytes
                + "+"
                + lengthBytes
                + " on "
                + name
                + ": the offset must be a multiple of the block size "
                + geometry.blockSizeBytes()
                + " below the size "
                + sizeBytes
                + ", the length at least 1");
      }
      head.status(offsetBytes, Math.min(lengthBytes, sizeBytes - offsetBytes), visitor, stack);
    } finally {
      stack.leave(passage);
    }
  }

  @Override
  public boolean mayBlock() {
    return origin.mayBlock();
  }

  /** One holder; stands for itself, since a holder may hold twice. */
  private final class Hold implements Closeable {
    final DeviceHolder holder;

    Hold(DeviceHolder holder) {
      this.holder = holder;
    }

    @Override
    public void close() {
      synchronized (holds) {
        holds.remove(this);
      }
    }
  }

  @Override
  public Closeable hold(String holder) throws ErrnoException {
    return hold(() -> holder);
  }

  @Override
  public Closeable hold(DeviceHolder holder) throws ErrnoException {
    Hold hold = new Hold(holder);
    synchronized (holds) {
      if (leaving) {
        throw new ErrnoException(Errno.ESHUTDOWN, "device " + name + " is being removed");
      }
      holds.add(hold);
    }
    return hold;
  }

  List<String> holders() {
    return holds().stream().map(hold -> hold.holder.text()).toList();
  }

  private List<Hold> holds() {
    synchronized (holds) {
      return List.copyOf(holds);
    }
  }

  /**
   * Refuses new holders, attachments and freezes from now on. The caller has the turn.
   *
   * @throws ErrnoException EBUSY, naming them, while filters or holders are there
   */
  void leave() throws ErrnoException {
    if (chain.filters().isEmpty()) {
      holds().forEach(hold -> hold.holder.askedToLetGo());
    }
    synchronized (holds) {
      List<String> reasons = new ArrayList<>();
      Map<String, Integer> countByHolder = new TreeMap<>();
      for (Hold hold : holds) {
        countByHolder.merge(hold.holder.text(), 1, Integer::sum);
      }
      countByHolder.forEach(
          (holder, count) ->
              reasons.add("held by " + holder + (count > 1 ? " (" + count + ")" : "")));
      for (AttachedFilter filter : chain.filters()) {
        reasons.add("filter " + filter.name() + " is attached: detach it first");
      }
      if (!reasons.isEmpty()) {
        throw new ErrnoException(
            Errno.EBUSY, "device remove " + name + ": " + String.join("; ", reasons));
      }
      leaving = true;
    }
  }

  /** As {@link #leave}, whoever is there. */
  void leaveAnyway() {
    synchronized (holds) {
      leaving = true;
    }
  }

  boolean isLeaving() {
    synchronized (holds) {
      return leaving;
    }
  }

  void countFreeze(long heldNanos) {
    counters.frozen(heldNanos);
  }

  DeviceStats stats() {
    return counters.stats(name, gate.insideCount());
  }

  /** What makes this device again, with these filters. */
  DeviceSetup setup(List<AttachRequest> filters) {
    return new DeviceSetup(name, origin.path(), options, filters);
  }

  DeviceInfo info() {
    List<String> filters = chain.filters().stream().map(AttachedFilter::name).toList();
    return new DeviceInfo(
        name, origin.path(), options, geometry(), filters, holders(), loss.reason());
  }
}
