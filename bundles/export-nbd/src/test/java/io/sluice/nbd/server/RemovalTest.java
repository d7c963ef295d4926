package io.sluice.nbd.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.DeviceRole;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.export.ExportChange;
import io.sluice.export.ExportInfo;
import io.sluice.export.ExportRequest;
import io.sluice.export.ExportState;
import io.sluice.export.RateLimit;
import io.sluice.export.RemovalMode;
import io.sluice.nbd.Conversation;
import io.sluice.testing.MemoryDevice;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What becomes of the clients of an export that is removed, and of those that wait for a turn. */
@Timeout(60)
class RemovalTest {
  @TempDir Path directory;

  private final ExportTable table = new ExportTable();
  private final NbdServer server = new NbdServer(table);
  private final NbdExporter exporter =
      new NbdExporter(table, new ConfiguredExports(table, Access.usual()), Access.usual(), server);
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final Held device = new Held();

  /** A device that keeps reads of its second half until they may go. */
  private static final class Held extends MemoryDevice {
    final CountDownLatch entered = new CountDownLatch(1);
    final CountDownLatch leave = new CountDownLatch(1);

    Held() {
      super(1 << 20);
    }

    @Override
    public void submit(Bio bio) throws ErrnoException {
      if (bio.offsetBytes() >= 1 << 19) {
        entered.countDown();
        try {
          leave.await();
        } catch (InterruptedException e) {
          throw new ErrnoException(Errno.EIO, "interrupted", e);
        }
      }
      super.submit(bio);
    }
  }

  @BeforeEach
  void start() throws Exception {
    table.deviceCame("disk", "", DeviceRole.LIVE, device);
    exporter.add(new ExportRequest("disk", "x", false));
    server.listen(
        new NbdConfiguration(
            List.of(directory.resolve("nbd.sock").toString()), List.of(), false, TlsPolicy.OFF));
  }

  @AfterEach
  void stop() {
    device.leave.countDown();
    server.close();
    threads.shutdown();
    assertEquals(0, server.connectionCount());
    assertEquals(List.of(), device.holders);
  }

  private Dialogue connect() throws IOException {
    return new Dialogue(UnixDomainSocketAddress.of(directory.resolve("nbd.sock")));
  }

  private Dialogue enter() throws IOException {
    return connect().enter("x", true);
  }

  private static void serves(Dialogue client) throws IOException {
    client.say(new Conversation().read(7, 0, 512));
    assertEquals(0, client.answer(cookie -> 512).error());
  }

  private List<String> names() {
    return exporter.list().stream().map(ExportInfo::name).toList();
  }

  private void refusesNewClients() throws IOException {
    try (Dialogue late = connect()) {
      late.say(Conversation.simple("x"));
      late.greeted();
      assertTrue(late.option() < 0, "no such export");
    }
  }

  private static void await(BooleanSupplier condition, String what) {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (!condition.getAsBoolean()) {
      assertTrue(System.nanoTime() < deadline, what);
      Thread.onSpinWait();
    }
  }

  @Test
  void safeIsRefusedWhileClientsAreConnectedAndNamesThem() throws Exception {
    try (Dialogue client = enter()) {
      ErrnoException e =
          assertThrows(ErrnoException.class, () -> exporter.remove("x", RemovalMode.SAFE));
      assertEquals(Errno.EBUSY, e.errno());
      assertTrue(
          e.getMessage().contains("in use by user " + System.getProperty("user.name")),
          e.getMessage());
      serves(client);
      enter().close();
    }
    await(() -> server.connectionCount() == 0, "they have left");
    exporter.remove("x", RemovalMode.SAFE);
    assertEquals(List.of("disk"), names());
  }

  @Test
  void hiddenTakesNoNewClientsAndGoesWithTheLast() throws Exception {
    try (Dialogue client = enter()) {
      exporter.remove("x", RemovalMode.HIDE);
      assertEquals(ExportState.HIDDEN, exporter.list().get(1).state());
      assertEquals(1, table.list().size(), "clients don't see it");
      refusesNewClients();
      serves(client);
      ErrnoException e =
          assertThrows(
              ErrnoException.class, () -> exporter.add(new ExportRequest("disk", "x", false)));
      assertEquals(Errno.EEXIST, e.errno());
    }
    await(() -> table.entries().size() == 1, "it is gone with its client, nobody has asked");
  }

  @Test
  void softFinishesWhatIsUnderWay() throws Exception {
    try (Dialogue client = enter()) {
      client.say(new Conversation().read(1, 1 << 19, 512));
      assertTrue(device.entered.await(20, TimeUnit.SECONDS));
      Future<?> removal = threads.submit(() -> remove(RemovalMode.SOFT));
      await(() -> names().equals(List.of("disk")), "the name goes first");
      device.leave.countDown();
      assertEquals(0, client.answer(cookie -> 512).error());
      removal.get(20, TimeUnit.SECONDS);
      assertTrue(client.ended());
    }
  }

  @Test
  void hardCutsAtOnce() throws Exception {
    try (Dialogue client = enter()) {
      client.say(new Conversation().read(1, 1 << 19, 512));
      assertTrue(device.entered.await(20, TimeUnit.SECONDS));
      Future<?> removal = threads.submit(() -> remove(RemovalMode.HARD));
      assertTrue(client.cutOff(), "though its request is still with the device");
      removal.get(20, TimeUnit.SECONDS);
      assertEquals(List.of("disk"), names());
    }
  }

  private void remove(RemovalMode mode) {
    try {
      exporter.remove("x", mode);
    } catch (ErrnoException e) {
      throw new AssertionError(e);
    }
  }

  /** Has a client whose next request's turn is seconds away, and that of its last, minutes. */
  private Dialogue waiting() throws Exception {
    exporter.change(new ExportChange("x", null, new RateLimit(Throttled.SLOWEST, 0), null));
    Dialogue client = enter();
    for (int i = 0; i < 64; i++) {
      client.say(new Conversation().read(i, 0, 1 << 19));
    }
    assertEquals(0, client.answer(cookie -> 1 << 19).error());
    return client;
  }

  private static final class Throttled {
    static final long SLOWEST = io.sluice.nbd.session.Throttle.BYTES_PER_SECOND_MIN;
  }

  @Test
  void whoWaitsForATurnCanBeStopped() throws Exception {
    try (Dialogue client = waiting()) {
      remove(RemovalMode.SOFT);
      assertEquals(Errno.ESHUTDOWN.number(), client.answer(cookie -> 1 << 19).error());
    }
    await(() -> server.connectionCount() == 0, "it is gone");
  }

  @Test
  void whoWaitsForATurnCanBeCut() throws Exception {
    try (Dialogue client = waiting()) {
      remove(RemovalMode.HARD);
      await(() -> server.connectionCount() == 0, "it is gone");
      assertTrue(client.cutOff());
    }
  }

  @Test
  void whoWaitsForATurnGoesWhenTheLimitIsLifted() throws Exception {
    try (Dialogue client = waiting()) {
      exporter.change(new ExportChange("x", null, RateLimit.NONE, Map.of()));
      for (int i = 1; i < 64; i++) {
        assertEquals(i, client.answer(cookie -> 1 << 19).cookie());
      }
    }
  }

  @Test
  void whoWaitsForATurnComesToRest() throws Exception {
    try (Dialogue client = waiting()) {
      NbdServer.AtRest atRest = server.rest(TimeUnit.SECONDS.toNanos(20));
      assertEquals(1, atRest.clients().size());
      atRest.goOn();
      exporter.change(new ExportChange("x", null, RateLimit.NONE, null));
      for (int i = 1; i < 64; i++) {
        assertEquals(
            i, client.answer(cookie -> 1 << 19).cookie(), "none is lost, none comes twice");
      }
    }
  }
}
