package io.sluice.trace.recorder;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.ErrnoException;
import io.sluice.filter.Filter;
import io.sluice.trace.format.Payload;
import io.sluice.trace.format.TraceHeader;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** To trace a bio costs no memory. */
class AllocationTest {
  private static final int BIO_COUNT = 20_000;

  /** Completes what comes, and does nothing. */
  private static final class NullDisk implements BlockDevice {
    @Override
    public DeviceGeometry geometry() {
      return new DeviceGeometry(1 << 20, 1, 4096, false, false, Set.of(BioOp.READ, BioOp.WRITE));
    }

    @Override
    public void submit(Bio bio) {
      bio.data().position(bio.data().limit());
    }
  }

  @TempDir Path directory;

  @Test
  void inMemoryAndIntoAFileWithData() throws ErrnoException {
    NullDisk disk = new NullDisk();
    check(new TraceFilter(System::nanoTime, true, Payload.CRC, new RecentBios(64), null), disk);
    TraceFile file =
        new TraceFile(
            directory.resolve("trace"),
            TraceSink.binary(new TraceHeader(0, 1 << 20, 1, Payload.FULL, "disk")),
            1 << 24,
            new RecordRing(1 << 20),
            System::nanoTime);
    file.start(Thread::new, "trace-writer", TimeUnit.SECONDS.toNanos(30));
    try {
      check(new TraceFilter(System::nanoTime, true, Payload.FULL, new RecentBios(64), file), disk);
    } finally {
      file.close(TimeUnit.SECONDS.toNanos(30));
    }
  }

  private static void check(Filter filter, BlockDevice disk) throws ErrnoException {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long thread = Thread.currentThread().getId();
    ByteBuffer data = ByteBuffer.allocateDirect(4096);
    Bio bio = new Bio();
    submit(filter, disk, bio, data, 1000);
    long before = threads.getThreadAllocatedBytes(thread);
    submit(filter, disk, bio, data, BIO_COUNT);
    long allocatedBytes = threads.getThreadAllocatedBytes(thread) - before;
    // The measuring itself may take some; one object for each bio would be 16 times the count.
    assertTrue(allocatedBytes < BIO_COUNT, allocatedBytes + " bytes for " + BIO_COUNT + " bios");
  }

  private static void submit(
      Filter filter, BlockDevice disk, Bio bio, ByteBuffer data, int bioCount)
      throws ErrnoException {
    for (int i = 0; i < bioCount; i++) {
      data.clear();
      filter.submit(i % 2 == 0 ? bio.read(0, data) : bio.write(4096, data, 0), disk);
    }
  }
}
