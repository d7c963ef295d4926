package io.sluice.tck;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import io.sluice.block.StorageIdentity;
import io.sluice.filter.Filter;
import io.sluice.filter.FilterHost;
import io.sluice.filter.FilterOperations;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;

/**
 * A chain of one filter over a device in memory, which treats the filter as the registry does and
 * writes down what it does against the rules. Bios that a filter gets wrong go on all the same, so
 * that each rule is judged by itself.
 */
final class FilterBench implements BlockDevice {
  private final FilterOperations operations;
  private final Map<String, String> options;
  private final MemoryDevice below;
  private final Complaints complaints;
  private final Set<BioOp> ops;
  private final ThreadLocal<Boolean> inside = ThreadLocal.withInitial(() -> false);
  private Host host;
  private Filter filter;

  FilterBench(
      FilterOperations operations,
      Map<String, String> options,
      MemoryDevice below,
      Complaints complaints) {
    this.operations = operations;
    this.options = options;
    this.below = below;
    this.complaints = complaints;
    this.ops = EnumSet.copyOf(operations.ops());
  }

  MemoryDevice below() {
    return below;
  }

  Filter filter() {
    return filter;
  }

  void attach() throws ErrnoException {
    host = new Host();
    filter = operations.attach(host, options);
  }

  /** Takes the filter out if it is there; what it throws is a complaint. */
  void detach() {
    if (host == null || host.left) {
      return;
    }
    try {
      filter.detach();
    } catch (Throwable fault) {
      complaints.add("FLT-11", "detach threw " + fault);
    }
    host.left = true;
  }

  @Override
  public DeviceGeometry geometry() {
    DeviceGeometry g = below.geometry();
    Set<BioOp> served = EnumSet.copyOf(g.ops());
    served.retainAll(ops);
    if (served.contains(BioOp.WRITE)) {
      served.add(BioOp.WRITE_ZEROES);
    }
    return new DeviceGeometry(
        g.sizeBytes(),
        g.blockSizeBytes(),
        g.preferredSizeBytes(),
        g.readOnly(),
        g.rotational(),
        served);
  }

  @Override
  public void submit(Bio bio) throws ErrnoException {
    geometry().check(bio, "bench");
    if (bio.lengthBytes() == 0 && bio.op() != BioOp.FLUSH) {
      return;
    }
    if (bio.op() == BioOp.WRITE_ZEROES && !ops.contains(BioOp.WRITE_ZEROES)) {
      writeZeroes(bio);
      return;
    }
    ask(bio);
    if (bio.data() != null) {
      bio.data().position(bio.data().limit());
    }
  }

  private void writeZeroes(Bio bio) throws ErrnoException {
    if (bio.has(Bio.FAST_ONLY)) {
      throw new ErrnoException(Errno.ENOTSUP, bio + ": the filter can only write");
    }
    ByteBuffer zeroes = ByteBuffer.allocate((int) bio.lengthBytes()).asReadOnlyBuffer();
    ask(new Bio().write(bio.offsetBytes(), zeroes, bio.flags() & Bio.FUA));
  }

  private void ask(Bio bio) throws ErrnoException {
    HostedCall call = new HostedCall(bio, below, complaints);
    boolean outer = inside.get();
    inside.set(true);
    try {
      filter.submit(bio, call);
      if (!call.served()) {
        complaints.add("FLT-23", bio + " came back, but went nowhere");
        below.submit(bio);
      }
    } catch (ErrnoException e) {
      throw e;
    } catch (Throwable fault) {
      complaints.add("FLT-10", bio + ": " + fault);
      call.resetBuffer();
      below.submit(bio);
    } finally {
      inside.set(outer);
      call.returned();
    }
  }

  @Override
  public void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor)
      throws ErrnoException {
    long sizeBytes = below.geometry().sizeBytes();
    if (offsetBytes < 0 || lengthBytes < 1 || offsetBytes >= sizeBytes) {
      below.status(offsetBytes, lengthBytes, visitor);
      return;
    }
    HostedCall call = new HostedCall(null, below, complaints);
    long clipped = Math.min(lengthBytes, sizeBytes - offsetBytes);
    try {
      filter.status(offsetBytes, clipped, visitor, call);
    } catch (RuntimeException fault) {
      complaints.add("FLT-10", "block status: " + fault);
      below.status(offsetBytes, lengthBytes, visitor);
    } finally {
      call.returned();
    }
  }

  /** What the filter may know, for one attachment. */
  private final class Host implements FilterHost, BlockDevice {
    private volatile boolean left;

    @Override
    public String deviceName() {
      return "bench";
    }

    @Override
    public String originPath() {
      return "/bench";
    }

    @Override
    public StorageIdentity originIdentity() {
      return new StorageIdentity(false, 0, 1);
    }

    @Override
    public BlockDevice lower() {
      return this;
    }

    private void checkUse(String what) {
      if (left) {
        complaints.add("FLT-11", what + " went to lower() after detach had returned");
      } else if (inside.get()) {
        complaints.add("FLT-7", what + " went to lower() inside submit; next is for that");
      }
    }

    @Override
    public DeviceGeometry geometry() {
      return below.geometry();
    }

    @Override
    public void submit(Bio bio) throws ErrnoException {
      checkUse(bio.toString());
      below.submit(bio);
    }

    @Override
    public void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor)
        throws ErrnoException {
      checkUse("block status");
      below.status(offsetBytes, lengthBytes, visitor);
    }
  }
}
