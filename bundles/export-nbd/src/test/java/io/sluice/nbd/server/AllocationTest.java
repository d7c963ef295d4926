package io.sluice.nbd.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.sluice.block.DeviceRole;
import io.sluice.export.ExportChange;
import io.sluice.export.RateLimit;
import io.sluice.nbd.Conversation;
import io.sluice.testing.MemoryDevice;
import java.lang.management.ManagementFactory;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The thread of a connection allocates nothing for a request, once its code is compiled. */
@Timeout(120)
class AllocationTest {
  private static final int BLOCK_BYTES = 4096;

  /** Until the compiler has done away with what escapes no method, in the rare branches too. */
  private static final int ROUNDS_MAX = 3000;

  private static final int ROUNDS_WANTED = 50;
  private static final int REQUESTS_A_ROUND = 200;

  @TempDir Path directory;

  private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  @ParameterizedTest(name = "structured {0}, write {1}, depth {2}")
  @CsvSource({
    "true, false, 1, false",
    "true, true, 1, false",
    "false, false, 1, false",
    "false, true, 1, false",
    "true, false, 32, false",
    "true, true, 32, false",
    "false, false, 32, false",
    "false, true, 32, false",
    "true, false, 32, true",
    "true, true, 1, true"
  })
  void requestsAllocateNothing(boolean structured, boolean write, int depth, boolean limited)
      throws Exception {
    assertTrue(threads.isThreadAllocatedMemorySupported(), "this JVM can't tell");
    ExportTable table = new ExportTable();
    table.deviceCame("disk", "", DeviceRole.LIVE, new MemoryDevice(4 << 20));
    if (limited) {
      RateLimit beyondReach = new RateLimit(1L << 50, 1_000_000_000);
      assertFalse(
          table.change(new ExportChange("disk", null, beyondReach, null)).hidden(), "it is asked");
    }
    Path socket = directory.resolve("s");
    try (NbdServer server = new NbdServer(table)) {
      server.listen(
          new NbdConfiguration(List.of(socket.toString()), List.of(), false, TlsPolicy.OFF));
      try (Dialogue client =
          new Dialogue(UnixDomainSocketAddress.of(socket)).enter("disk", structured)) {
        Conversation said = new Conversation();
        for (int i = 0; i < depth; i++) {
          if (write) {
            said.write(i, (long) BLOCK_BYTES * i, new byte[BLOCK_BYTES]);
          } else {
            said.read(i, (long) BLOCK_BYTES * i, BLOCK_BYTES);
          }
        }
        int replyBytes = write ? 16 : BLOCK_BYTES + (structured ? 28 : 16);
        Batches batches = new Batches(client, said.toBytes(), depth, depth * replyBytes);
        long thread = sessionThread();
        int withoutAny = 0;
        long last = 0;
        for (int round = 0; round < ROUNDS_MAX && withoutAny < ROUNDS_WANTED; round++) {
          long allocated = batches.allocated(thread);
          withoutAny = allocated == 0 ? withoutAny + 1 : 0;
          last = allocated == 0 ? last : allocated;
        }
        String found = "rounds in a row that allocate nothing; others took " + last + " bytes";
        assertEquals(ROUNDS_WANTED, withoutAny, found);
      }
    }
  }

  private long sessionThread() {
    long found = -1;
    for (Thread thread : Thread.getAllStackTraces().keySet()) {
      if (thread.getName().startsWith("nbd-client ")) {
        assertEquals(-1, found, "more than one session");
        found = thread.getId();
      }
    }
    assertTrue(found >= 0, "no session");
    return found;
  }

  private final class Batches {
    private final Dialogue client;
    private final ByteBuffer said;
    private final ByteBuffer heard;
    private final int depth;

    Batches(Dialogue client, byte[] said, int depth, int replyBytes) {
      this.client = client;
      this.said = ByteBuffer.allocateDirect(said.length).put(said).flip();
      this.heard = ByteBuffer.allocateDirect(replyBytes);
      this.depth = depth;
    }

    /** What the session's thread allocates for a round. */
    long allocated(long thread) throws Exception {
      long before = threads.getThreadAllocatedBytes(thread);
      for (int i = 0; i < REQUESTS_A_ROUND; i += depth) {
        said.rewind();
        while (said.hasRemaining()) {
          client.channel.write(said);
        }
        heard.clear();
        while (heard.hasRemaining()) {
          assertTrue(client.channel.read(heard) > 0, "the server hung up");
        }
      }
      return threads.getThreadAllocatedBytes(thread) - before;
    }
  }
}
