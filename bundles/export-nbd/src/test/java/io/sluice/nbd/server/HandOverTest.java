package io.sluice.nbd.server;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceRole;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.nbd.Conversation;
import io.sluice.nbd.MemoryDevice;
import io.sluice.nbd.codec.NbdProtocol;
import io.sluice.swap.HandOver;
import java.io.IOException;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** One server's sockets and sessions go to another one, of another class loader. */
@Timeout(60)
class HandOverTest {
  private static final Duration LIMIT = Duration.ofSeconds(20);
  private static final List<Generation.Loader> LOADERS =
      List.of(new Generation.Loader(), new Generation.Loader());

  @TempDir Path directory;

  private final Map<String, BlockDevice> devices = new HashMap<>();
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private MemoryDevice disk = new MemoryDevice(4 << 20);
  private Generation now;
  private int generationCount;

  @BeforeEach
  void start() throws Exception {
    start(disk);
  }

  private void start(MemoryDevice device) throws Exception {
    if (now != null) {
      now.close();
    }
    disk = device;
    devices.put("disk", device);
    now = generation(false);
  }

  @AfterEach
  void stop() {
    now.close();
    threads.shutdown();
    assertEquals(List.of(), disk.holders);
    assertFalse(Files.exists(socket()), "the socket is the last one's to remove");
  }

  private Path socket() {
    return directory.resolve("nbd.sock");
  }

  private Generation generation(boolean successor) throws Exception {
    return Generation.start(
        LOADERS.get(generationCount++ % 2), socket(), List.of("127.0.0.1:0"), devices, successor);
  }

  /** What an update of the bundle does. */
  private void swap() throws Exception {
    give(now.handOver(LIMIT));
  }

  private void give(HandOver handOver) throws Exception {
    now.close();
    now = generation(true);
    now.takeOver(handOver);
  }

  private Dialogue connect() throws IOException {
    return new Dialogue(UnixDomainSocketAddress.of(socket()));
  }

  private static byte[] pattern(int seed, int length) {
    byte[] bytes = new byte[length];
    new Random(seed).nextBytes(bytes);
    return bytes;
  }

  private static void sayRead(Dialogue client, long cookie) throws IOException {
    client.say(new Conversation().read(cookie, 8192 * cookie, 8192));
  }

  private void hearRead(Dialogue client, long cookie) throws IOException {
    Dialogue.Answer answer = client.answer(c -> 8192);
    assertEquals(cookie, answer.cookie());
    assertEquals(0, answer.error());
    int at = 8192 * (int) cookie;
    assertArrayEquals(Arrays.copyOfRange(disk.bytes, at, at + 8192), answer.data());
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void silentClientsGoOn_acrossManyUpdates(boolean structured) throws Exception {
    disk.poke(0, pattern(1, 1 << 20), 1 << 20);
    try (Dialogue client = connect().enter("disk", structured);
        Dialogue extra = connect().enter("extra", structured)) {
      for (int i = 0; i < 5; i++) {
        swap();
        assertEquals(2, disk.holders.size(), "the successor's sessions hold the device");
        sayRead(client, i);
        hearRead(client, i);
        extra.say(new Conversation().write(7, 0, new byte[512]));
        assertEquals(Errno.EPERM.number(), extra.answer(c -> 0).error(), "still read-only");
        sayRead(extra, i);
        hearRead(extra, i);
      }
    }
  }

  @Test
  void tcpClientsGoOnAndNewOnesComeByTheSamePort() throws Exception {
    HandOver handOver = now.handOver(LIMIT);
    SocketAddress address = null;
    for (HandOver part : handOver.parts()) {
      if (part.properties().getOrDefault("kind", "").equals("tcp")) {
        address = ((ServerSocketChannel) part.channels().get(0)).getLocalAddress();
      }
    }
    try (Dialogue waiting = new Dialogue(address)) {
      Future<Dialogue> entering = threads.submit(() -> waiting.enter("disk", true));
      give(handOver);
      entering.get();
      swap();
      sayRead(waiting, 3);
      hearRead(waiting, 3);
      try (Dialogue late = new Dialogue(address).enter("disk", true)) {
        sayRead(late, 4);
        hearRead(late, 4);
      }
    }
  }

  @Test
  void whoConnectsMeanwhileWaitsInTheBacklog() throws Exception {
    HandOver handOver = now.handOver(LIMIT);
    try (Dialogue client = connect()) {
      client.say(Conversation.structured("disk"));
      give(handOver);
      client.entered(true);
      sayRead(client, 1);
      hearRead(client, 1);
    }
  }

  /** How a device takes a payload: whole, in pieces, by a worker, not at all. */
  private enum Way {
    WHOLE(100_000, 0),
    PIECES(1 << 20, 0),
    REFUSED(1 << 20, 4 << 20),
    WORKER(700_000, 0),
    FAILING(1 << 20, 1 << 20);

    private final int lengthBytes;
    private final int offsetBytes;

    Way(int lengthBytes, int offsetBytes) {
      this.lengthBytes = lengthBytes;
      this.offsetBytes = offsetBytes;
    }

    private int error() {
      return switch (this) {
        case REFUSED -> Errno.ENOSPC.number();
        case FAILING -> Errno.EIO.number();
        default -> 0;
      };
    }

    private MemoryDevice device() {
      return new MemoryDevice(4 << 20) {
        @Override
        public boolean mayBlock() {
          return Way.this == WORKER;
        }

        @Override
        public void submit(Bio bio) throws ErrnoException {
          if (Way.this == FAILING && bio.op().modifiesData()) {
            throw new ErrnoException(Errno.EIO, "a bad sector");
          }
          super.submit(bio);
        }
      };
    }
  }

  @ParameterizedTest
  @org.junit.jupiter.params.provider.EnumSource(Way.class)
  void halfAPayloadTravelsAlong(Way way) throws Exception {
    start(way.device());
    byte[] data = pattern(5, way.lengthBytes);
    byte[] said =
        new Conversation()
            .request(
                NbdProtocol.CMD_FLAG_FUA,
                NbdProtocol.CMD_WRITE,
                77,
                way.offsetBytes,
                way.lengthBytes)
            .raw(data)
            .read(78, 0, 512)
            .toBytes();
    Random random = new Random(6);
    for (boolean structured : new boolean[] {true, false}) {
      Arrays.fill(disk.bytes, (byte) 0);
      try (Dialogue client = connect().enter("disk", structured)) {
        int sent = 0;
        while (sent < said.length) {
          int next = Math.min(said.length, sent + 1 + random.nextInt(said.length / 3));
          client.say(Arrays.copyOfRange(said, sent, next));
          sent = next;
          swap();
        }
        Dialogue.Answer written = client.answer(c -> 0);
        assertEquals(77, written.cookie());
        assertEquals(way.error(), written.error());
        assertEquals(78, client.answer(c -> 512).cookie());
        assertNothingMore(client);
      }
      if (way.error() == 0) {
        assertArrayEquals(data, Arrays.copyOf(disk.bytes, data.length));
        assertTrue(disk.fuaCount.get() + disk.flushCount.get() > 0, "the write was to be durable");
      }
    }
  }

  @Test
  void restOfAnExtendedWriteIsAnsweredUnderItsFirstOffset() throws Exception {
    byte[] data = pattern(5, 1 << 20);
    int flags = NbdProtocol.CMD_FLAG_PAYLOAD_LEN;
    byte[] said =
        new Conversation()
            .extended(flags, NbdProtocol.CMD_WRITE, 7, 4096, data.length)
            .raw(data)
            .toBytes();
    try (Dialogue client = connect()) {
      client.say(Conversation.extended("disk"));
      client.entered(true);
      for (int sent = 0; sent < said.length; ) {
        int next = Math.min(said.length, sent + said.length / 3);
        client.say(Arrays.copyOfRange(said, sent, next));
        sent = next;
        swap();
      }
      assertEquals(0, client.answer(c -> 0).error());
      assertEquals(4096, client.lastOffset);
    }
    assertArrayEquals(data, Arrays.copyOfRange(disk.bytes, 4096, 4096 + data.length));
  }

  private static void assertNothingMore(Dialogue client) throws IOException {
    client.say(new Conversation().disconnect());
    assertTrue(client.ended(), "an answer too many");
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void deepQueuesAreAnsweredOnce(boolean structured) throws Exception {
    disk.poke(0, pattern(9, 1 << 20), 1 << 20);
    List<Dialogue> clients = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      clients.add(connect().enter("disk", structured));
    }
    for (int round = 0; round < 10; round++) {
      for (Dialogue client : clients) {
        Conversation said = new Conversation();
        for (int cookie = 0; cookie < 32; cookie++) {
          said.read(cookie, 8192L * cookie, 8192);
        }
        client.say(said);
      }
      swap();
      for (Dialogue client : clients) {
        for (int cookie = 0; cookie < 32; cookie++) {
          hearRead(client, cookie); // a fast device's answers keep their order
        }
      }
    }
    for (Dialogue client : clients) {
      assertNothingMore(client);
      client.close();
    }
  }

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

  private static Conversation reads(int count) {
    Conversation said = new Conversation();
    for (int cookie = 0; cookie < count; cookie++) {
      said.read(cookie, 8192L * cookie, 8192);
    }
    return said;
  }

  private void hearReads(Dialogue client, int count) throws IOException {
    Set<Long> cookies = new HashSet<>();
    for (int i = 0; i < count; i++) {
      Dialogue.Answer answer = client.answer(c -> 8192);
      assertEquals(0, answer.error());
      int at = 8192 * (int) answer.cookie();
      assertArrayEquals(Arrays.copyOfRange(disk.bytes, at, at + 8192), answer.data());
      cookies.add(answer.cookie());
    }
    assertEquals(count, cookies.size());
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
      client.say(reads(0).read(100, 0, 8192));
      device.leave.countDown();
      give(handing.get());
      hearReads(client, 8);
      assertEquals(100, client.answer(c -> 8192).cookie());
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
  void handshakesGoOnWhereverTheyWere() throws Exception {
    byte[] large = new byte[20_000];
    byte[] said =
        Conversation.modern()
            .option(NbdProtocol.OPT_STRUCTURED_REPLY, new byte[0])
            .option(77, large)
            .option(
                NbdProtocol.OPT_SET_META_CONTEXT,
                Conversation.query("disk", NbdProtocol.BASE_ALLOCATION))
            .option(NbdProtocol.OPT_GO, Conversation.info("disk"))
            .request(0, NbdProtocol.CMD_BLOCK_STATUS, 1, 0, 8192)
            .read(2, 0, 4096)
            .toBytes();
    List<Integer> cuts = new ArrayList<>();
    for (int at = 0; at < said.length; at += at > 40 && at < 20_000 ? 2500 : 3) {
      cuts.add(at);
    }
    List<Dialogue> clients = new ArrayList<>();
    for (int cut : cuts) {
      Dialogue client = connect();
      clients.add(client);
      client.say(Arrays.copyOf(said, cut));
    }
    swap();
    for (int i = 0; i < cuts.size(); i++) {
      try (Dialogue client = clients.get(i)) {
        client.say(Arrays.copyOfRange(said, cuts.get(i), said.length));
        client.greeted();
        assertEquals(NbdProtocol.REP_ACK, client.option());
        assertEquals(NbdProtocol.REP_ERR_TOO_BIG, client.option(), "cut at " + cuts.get(i));
        assertEquals(NbdProtocol.REP_META_CONTEXT, client.option());
        assertEquals(NbdProtocol.REP_ACK, client.option());
        assertEquals(NbdProtocol.REP_INFO, client.option());
        assertEquals(NbdProtocol.REP_ACK, client.option());
        Dialogue.Answer status = client.answer(c -> 0);
        assertEquals(0, status.error(), "the context was kept, cut at " + cuts.get(i));
        assertEquals(8, status.data().length);
        assertEquals(2, client.answer(c -> 4096).cookie());
        assertNothingMore(client);
      }
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

  private void reconnect() throws Exception {
    long deadline = System.nanoTime() + LIMIT.toNanos();
    while (true) {
      try (Dialogue client = connect().enter("disk", true)) {
        sayRead(client, 1);
        hearRead(client, 1);
        return;
      } catch (IOException e) {
        assertTrue(System.nanoTime() < deadline, () -> "nobody listens: " + e);
      }
    }
  }

  @Test
  void whoIsNotStoppedAfterwardsListensAgain() throws Exception {
    now.close();
    ExportTable table = new ExportTable();
    table.deviceCame("disk", "", DeviceRole.LIVE, disk);
    NbdConfiguration configuration = new NbdConfiguration(socket(), List.of(), false);
    try (NbdServer server = new NbdServer(table)) {
      NbdSwap swap = new NbdSwap(table, server, configuration, TimeUnit.MILLISECONDS.toNanos(1));
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
