package io.sluice.fault;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.ErrnoException;
import io.sluice.filter.Filter;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** A bio that no rule hits costs no memory. */
class AllocationTest {
  private static final int BIO_COUNT = 20_000;

  /** Completes what comes, and does nothing. */
  private static final class NullDisk implements BlockDevice {
    @Override
    public DeviceGeometry geometry() {
      return new DeviceGeometry(1 << 20, 1, 4096, false, false, FaultOperations.OPS);
    }

    @Override
    public void submit(Bio bio) {
      bio.data().position(bio.data().limit());
    }
  }

  @Test
  void withoutRulesAndWithRulesThatMiss() throws ErrnoException {
    NullDisk disk = new NullDisk();
    check(new FaultOperations().attach(null, Map.of()), disk);
    String rules = "error op=flush; drop range=512K+512; error probability=0; torn skip=1000000";
    check(new FaultOperations().attach(null, Map.of("rules", rules)), disk);
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
