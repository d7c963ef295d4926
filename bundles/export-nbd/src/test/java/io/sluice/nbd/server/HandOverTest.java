package io.sluice.nbd.server;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.nbd.Conversation;
import io.sluice.nbd.codec.NbdProtocol;
import io.sluice.swap.HandOver;
import io.sluice.testing.MemoryDevice;
import java.net.SocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** One server's sockets and sessions go to another one, whatever its clients do meanwhile. */
class HandOverTest extends HandOverRig {
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void silentClientsGoOn_acrossManyUpdates(boolean structured) throws Exception {
    disk.poke(0, pattern(1, 1 << 20), 1 << 20);
    try (Dialogue client = connect().enter("disk", structured);
        Dialogue extra = connect().enter("extra", structured)) {
      for (int i = 0; i < 5; i++) {
        swap();
        sayRead(client, i);
        hearRead(client, i);
        extra.say(new Conversation().write(7, 0, new byte[512]));
        assertEquals(Errno.EPERM.number(), extra.answer(c -> 0).error(), "still read-only");
        sayRead(extra, i);
        hearRead(extra, i);
        assertEquals(2, disk.holders.size(), "the successor's sessions hold the device");
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
        Map<Long, Integer> errors = new HashMap<>();
        for (int i = 0; i < 2; i++) {
          // What a worker does may be answered after what came later.
          Dialogue.Answer answer = client.answer(cookie -> cookie == 78 ? 512 : 0);
          errors.put(answer.cookie(), answer.error());
        }
        assertEquals(Map.of(77L, way.error(), 78L, 0), errors);
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
}
