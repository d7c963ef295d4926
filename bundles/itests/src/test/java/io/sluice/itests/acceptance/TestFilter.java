package io.sluice.itests.acceptance;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.ErrnoException;
import io.sluice.filter.Filter;
import io.sluice.filter.FilterHost;
import io.sluice.filter.FilterOperations;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A filter that counts writes, and may invert them or do I/O of its own; on one device at a time.
 */
final class TestFilter implements FilterOperations, Filter {
  final AtomicInteger writes = new AtomicInteger();

  /** Set before it is attached. */
  volatile int altitude = 1500;

  volatile boolean inverts;
  volatile boolean ownIo;

  /** A device that gets each write, too. */
  volatile BlockDevice alsoWrites;

  private final String name;
  private volatile FilterHost host;

  TestFilter(String name) {
    this.name = name;
  }

  /** A copy with all bits turned. */
  static ByteBuffer inverted(ByteBuffer data) {
    ByteBuffer turned = ByteBuffer.allocateDirect(data.remaining());
    for (int i = 0; i < turned.capacity(); i++) {
      turned.put(i, (byte) ~data.get(data.position() + i));
    }
    return turned;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public int altitude() {
    return altitude;
  }

  @Override
  public Filter attach(FilterHost attachedTo, Map<String, String> options) {
    host = attachedTo;
    return this;
  }

  @Override
  public void submit(Bio bio, BlockDevice next) throws ErrnoException {
    if (bio.op() != BioOp.WRITE) {
      next.submit(bio);
      return;
    }
    writes.incrementAndGet();
    ByteBuffer data = bio.data();
    if (ownIo) {
      ByteBuffer old = ByteBuffer.allocateDirect(data.remaining());
      host.lower().submit(new Bio().read(bio.offsetBytes(), old));
      long lastBytes = next.geometry().sizeBytes() - data.remaining();
      SectorPattern copied = new SectorPattern(2);
      copied.write(host.lower(), lastBytes, data.remaining());
    }
    if (alsoWrites != null) {
      alsoWrites.submit(new Bio().write(bio.offsetBytes(), data.duplicate(), 0));
    }
    if (inverts) {
      next.submit(new Bio().write(bio.offsetBytes(), inverted(data), bio.flags()));
      data.position(data.limit());
    } else {
      next.submit(bio);
    }
  }
}
