package io.sluice.fuse.session;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.sluice.block.Bio;
import io.sluice.block.DeviceRole;
import io.sluice.block.ErrnoException;
import io.sluice.fuse.Kernel;
import io.sluice.testing.MemoryDevice;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A request of 4 KiB allocates nothing, once its code is compiled. */
@Timeout(120)
class AllocationTest {
  private static final int BLOCK_BYTES = 4096;
  private static final int SIZE_BYTES = 1 << 20;
  private static final int O_RDWR = 2;

  /** Until the compiler has done away with what escapes no method. */
  private static final int ROUNDS_MAX = 3000;

  private static final int ROUNDS_WANTED = 50;
  private static final int REQUESTS_A_ROUND = 200;

  private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  @ParameterizedTest(name = "write {0}, blocks of {1}")
  @CsvSource({"false, 1", "true, 1", "false, 4096", "true, 4096"})
  void requestsAllocateNothing(boolean write, int blockBytes) {
    int rounds = roundsWithoutAny(new MemoryDevice(SIZE_BYTES, blockBytes, false), write);
    assertEquals(ROUNDS_WANTED, rounds, "rounds in a row that allocate nothing");
  }

  /** The count would be worth nothing if it did not see an object for each request. */
  @Test
  void theCountSeesOneObjectForARequest() {
    Object[] sink = new Object[1];
    MemoryDevice wasteful =
        new MemoryDevice(SIZE_BYTES, 1, false) {
          @Override
          public void submit(Bio bio) throws ErrnoException {
            sink[0] = new byte[1];
            super.submit(bio);
          }
        };
    assertEquals(0, roundsWithoutAny(wasteful, false));
  }

  private int roundsWithoutAny(MemoryDevice device, boolean write) {
    assertTrue(threads.isThreadAllocatedMemorySupported(), "this JVM can't tell");
    Answers answers = new Answers(device, DeviceRole.LIVE, false);
    long handle = answers.open(O_RDWR);
    byte[] request =
        write
            ? Kernel.write(handle, BLOCK_BYTES, new byte[BLOCK_BYTES], 0)
            : Kernel.read(handle, BLOCK_BYTES, BLOCK_BYTES);
    long thread = Thread.currentThread().getId();
    int withoutAny = 0;
    for (int round = 0; round < ROUNDS_MAX && withoutAny < ROUNDS_WANTED; round++) {
      long before = threads.getThreadAllocatedBytes(thread);
      for (int i = 0; i < REQUESTS_A_ROUND; i++) {
        answers.askUnchecked(request);
      }
      withoutAny = threads.getThreadAllocatedBytes(thread) == before ? withoutAny + 1 : 0;
    }
    return withoutAny;
  }
}
