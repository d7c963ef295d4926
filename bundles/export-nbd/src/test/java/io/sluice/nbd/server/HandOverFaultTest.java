package io.sluice.nbd.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.DeviceRole;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.nbd.Conversation;
import io.sluice.swap.HandOver;
import io.sluice.testing.MemoryDevice;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Hand-overs that wait, fail, or find less than there was. */
class HandOverFaultTest extends HandOverRig {
  /** Waits in reads of one place until it is told to go on; says that it may block. */
  private static final class Stuck extends MemoryDevice {
    private final CountDownLatch entered;
    private final CountDownLatch leave = new CountDownLatch(1);

    Stuck(int waiting) {
      super(4 << 20);
      entered = new CountDownLatch(waiting);
    }

    @Override
    public boolean mayBlock() {
      return true;
    }

    @Override
    public void submit(Bio bio) throws ErrnoException {
      if (leave.getCount() > 0) {
        entered.countDown();
        try {
          assertTrue(leave.await(20, TimeUnit.SECONDS), "nobody let the request go");
        } catch (InterruptedException e) {
          throw new ErrnoException(Errno.EINTR, "a connection's thread was interrupted", e);
        }
      }
      super.submit(bio);
    }
  }

  @Test
  void requestsWithWorkersAreFinishedFirst() throws Exception {
    Stuck device = new Stuck(8);
    start(device);
    disk.poke(0, pattern(2, 1 << 20), 1 << 20);
    try (Dialogue client = connect().enter("disk", true)) {
      client.say(reads(8));
      assertTrue(device.entered.await(20, TimeUnit.SECONDS), "not all are in flight");
      Future<HandOver> handing = threads.submit(() -> now.handOver(LIMIT));
      sayRead(client, 8);
      device.leave.countDown();
      give(handing.get());
      hearReads(client, 9); // in whatever order
      assertNothingMore(client);
    }
  }

  @Test
  void whatDoesNotEndInTimeKeepsAllAsItWas() throws Exception {
    Stuck device = new Stuck(1);
    start(device);
    devices.put("other", new MemoryDevice(1 << 20));
    start(device);
    try (Dialogue client = connect().enter("disk", true);
        Dialogue other = connect().enter("other", false)) {
      client.say(reads(1));
      assertTrue(device.entered.await(20, TimeUnit.SECONDS));
      ErrnoException e =
          assertThrows(ErrnoException.class, () -> now.handOver(Duration.ofMillis(50)));
      assertEquals(Errno.EAGAIN, e.errno());
      assertTrue(e.getMessage().contains("in disk"), e.getMessage());
      other.say(reads(1));
      assertEquals(0, other.answer(c -> 8192).cookie(), "others went on meanwhile");
      try (Dialogue late = connect().enter("other", true)) {
        late.say(reads(1));
        assertEquals(0, late.answer(c -> 8192).cookie(), "and new ones came in");
      }
      device.leave.countDown();
      hearReads(client, 1);
      swap();
      client.say(reads(3));
      hearReads(client, 3);
    }
  }

  @Test
  void whoseDeviceHasGoneIsToldAndLetGo() throws Exception {
    devices.put("other", new MemoryDevice(1 << 20));
    start(disk);
    try (Dialogue client = connect().enter("disk", true);
        Dialogue other = connect().enter("other", true)) {
      client.say(Arrays.copyOf(new Conversation().write(5, 0, new byte[8192]).toBytes(), 5000));
      HandOver handOver = now.handOver(LIMIT);
      devices.remove("disk");
      client.say(new byte[28 + 8192 - 5000]);
      client.say(reads(2));
      give(handOver);
      assertEquals(Errno.ESHUTDOWN.number(), client.answer(c -> 0).error());
      assertEquals(Errno.ESHUTDOWN.number(), client.answer(c -> 0).error());
      assertEquals(Errno.ESHUTDOWN.number(), client.answer(c -> 0).error());
      assertTrue(client.ended());
      other.say(reads(1));
      assertEquals(0, other.answer(c -> 8192).error());
    }
  }

  @Test
  void anotherDeviceUnderTheNameIsNotTheOneThatWasAgreedOn() throws Exception {
    try (Dialogue client = connect().enter("disk", true)) {
      HandOver handOver = now.handOver(LIMIT);
      devices.put("disk", new MemoryDevice(8 << 20));
      client.say(reads(1));
      give(handOver);
      assertEquals(Errno.ESHUTDOWN.number(), client.answer(c -> 0).error());
      assertTrue(client.ended());
    }
  }

  @Test
  void aFormatOfTheFutureIsRefusedUntouched_andTheServerListensAfterAll() throws Exception {
    try (Dialogue client = connect().enter("disk", true)) {
      HandOver handOver = now.handOver(LIMIT);
      now.close();
      now = generation(true);
      List<HandOver> parts = new ArrayList<>(handOver.parts());
      parts.add(new HandOver("nbd-dream/7", Map.of(), List.of(), List.of()));
      HandOver future = new HandOver("nbd/1", Map.of(), List.of(), parts);
      ErrnoException e = assertThrows(ErrnoException.class, () -> now.takeOver(future));
      assertEquals(Errno.ENOTSUP, e.errno());
      assertTrue(e.getMessage().contains("nbd-dream/7"), e.getMessage());
      assertTrue(client.channel.isOpen());
      future.close();
      assertTrue(client.ended(), "the client sees the end, not silence");
      reconnect();
    }
  }

  @Test
  void whoIsNotStoppedAfterwardsListensAgain() throws Exception {
    now.close();
    ExportTable table = new ExportTable();
    table.deviceCame("disk", "", DeviceRole.LIVE, disk);
    NbdConfiguration configuration =
        new NbdConfiguration(List.of(socket().toString()), List.of(), false, TlsPolicy.OFF);
    try (NbdServer server = new NbdServer(table)) {
      NbdSwap swap =
          new NbdSwap(
              table,
              new ConfiguredExports(table, Access.usual()),
              server,
              configuration,
              TimeUnit.MILLISECONDS.toNanos(1));
      swap.start(false);
      try (Dialogue client = connect().enter("disk", true)) {
        swap.handOver(LIMIT).close();
        assertTrue(client.ended());
      }
      reconnect();
      assertFalse(swap.handedOver());
    }
  }

  @Test
  void whoHandedOverCanTakeBack() throws Exception {
    try (Dialogue client = connect().enter("disk", true);
        Dialogue extra = connect().enter("extra", true)) {
      now.takeOver(now.handOver(LIMIT));
      sayRead(client, 1);
      hearRead(client, 1);
      sayRead(extra, 2);
      hearRead(extra, 2);
      reconnect();
    }
  }
}
