package io.sluice.nbd.session;

import static io.sluice.nbd.codec.NbdProtocol.CMD_BLOCK_STATUS;
import static io.sluice.nbd.codec.NbdProtocol.CMD_DISC;
import static io.sluice.nbd.codec.NbdProtocol.CMD_FLAG_PAYLOAD_LEN;
import static io.sluice.nbd.codec.NbdProtocol.CMD_FLAG_REQ_ONE;
import static io.sluice.nbd.codec.NbdProtocol.CMD_READ;
import static io.sluice.nbd.codec.NbdProtocol.FLAG_BLOCK_STATUS_PAYLOAD;
import static io.sluice.nbd.codec.NbdProtocol.OPT_EXTENDED_HEADERS;
import static io.sluice.nbd.codec.NbdProtocol.OPT_GO;
import static io.sluice.nbd.codec.NbdProtocol.OPT_INFO;
import static io.sluice.nbd.codec.NbdProtocol.OPT_LIST_META_CONTEXT;
import static io.sluice.nbd.codec.NbdProtocol.OPT_SET_META_CONTEXT;
import static io.sluice.nbd.codec.NbdProtocol.OPT_STRUCTURED_REPLY;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.DeviceMap;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import io.sluice.nbd.Answers;
import io.sluice.nbd.Answers.Extent;
import io.sluice.nbd.Answers.OptionReply;
import io.sluice.nbd.Answers.Reply;
import io.sluice.nbd.Conversation;
import io.sluice.nbd.ScriptedChannel;
import io.sluice.nbd.codec.NbdLimits;
import io.sluice.nbd.codec.NbdProtocol;
import io.sluice.testing.MemoryDevice;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Several contexts of one export, from their names to their extents. */
class MetaContextsTest {
  private static final int SIZE = 4 << 20;
  private static final int CELL = 512;
  private static final long SEED = 20_261_128;
  private static final String DIRTY = "qemu:dirty-bitmap:backup-disk";
  private static final String DEPTH = "qemu:allocation-depth";
  private static final String SINCE = "x-sluice:since:g:1";

  /** A map with a state for each cell, told in extents that are not merged. */
  private static final class CellMap implements DeviceMap {
    final String name;
    final int[] states = new int[SIZE / CELL];
    ErrnoException failure;
    boolean silent;
    long stopAfterBytes = Long.MAX_VALUE;

    CellMap(String name) {
      this.name = name;
    }

    @Override
    public String name() {
      return name;
    }

    @Override
    public void extents(long offsetBytes, long lengthBytes, ExtentVisitor visitor)
        throws ErrnoException {
      if (failure != null) {
        throw failure;
      }
      long at = offsetBytes;
      long end = offsetBytes + Math.min(lengthBytes, stopAfterBytes);
      boolean more = !silent;
      while (more && at < end) {
        long next = Math.min(end, (at / CELL + 1) * CELL);
        more = visitor.extent(next - at, states[(int) (at / CELL)]);
        at = next;
      }
    }
  }

  private final MemoryDevice device = new MemoryDevice(SIZE);
  private final CellMap changed = new CellMap(DeviceMap.CHANGED);
  private final CellMap depth = new CellMap(DeviceMap.DEPTH);
  private final CellMap since = new CellMap("since:g:1");
  private final Talk talk = talk(List.of(depth, changed, since));

  private Talk talk(List<DeviceMap> maps) {
    return new Talk(
        new Export("disk", "", device, false).with(MetaContext.of(maps, "backup-disk", "other")));
  }

  private static Conversation structured(String... queries) {
    return Conversation.modern()
        .option(OPT_STRUCTURED_REPLY, new byte[0])
        .option(OPT_SET_META_CONTEXT, Conversation.query("disk", queries))
        .option(OPT_GO, Conversation.info("disk"));
  }

  private static Conversation extended(String... queries) {
    return Conversation.modern()
        .option(OPT_EXTENDED_HEADERS, new byte[0])
        .option(OPT_SET_META_CONTEXT, Conversation.query("disk", queries))
        .option(OPT_GO, Conversation.info("disk"));
  }

  private static List<String> names(List<OptionReply> replies) {
    return replies.stream()
        .filter(reply -> reply.type() == NbdProtocol.REP_META_CONTEXT)
        .map(reply -> reply.text().substring(4))
        .toList();
  }

  private static int id(OptionReply reply) {
    return ByteBuffer.wrap(reply.data()).getInt();
  }

  private List<String> listed(String... queries) throws Exception {
    Answers answers =
        talk.answers(
            Conversation.modern()
                .option(OPT_STRUCTURED_REPLY, new byte[0])
                .option(OPT_LIST_META_CONTEXT, Conversation.query("disk", queries)));
    answers.options();
    List<OptionReply> replies = answers.options();
    assertEquals(NbdProtocol.REP_ACK, Answers.last(replies).type());
    return names(replies);
  }

  @Test
  void wildcardsList() throws Exception {
    List<String> all = List.of("base:allocation", DEPTH, DIRTY, SINCE);
    assertEquals(all, listed());
    assertEquals(all, listed("x-sluice:", "qemu:", "base:", "base:"));
    assertEquals(List.of("base:allocation"), listed("base:"));
    assertEquals(List.of(DEPTH, DIRTY), listed("qemu:"));
    assertEquals(List.of(DIRTY), listed("qemu:dirty-bitmap:"));
    assertEquals(List.of(DIRTY), listed(DIRTY, "other:thing", "base:alloc", "x-sluice"));
    assertEquals(List.of(SINCE), listed("x-sluice:since:"));
    assertEquals(List.of(), listed("", "other:", "qemu", "qemu:dirty", "qemu:dirty-bitmap:x"));
  }

  @Test
  void wildcardsSelectNothing() throws Exception {
    Answers answers =
        talk.answers(
            structured("base:", "qemu:", "qemu:dirty-bitmap:", "x-sluice:", "")
                .request(0, CMD_BLOCK_STATUS, 1, 0, 512));
    answers.options();
    assertEquals(List.of(), names(answers.options()));
    answers.options();
    answers.expectError(1, Errno.EINVAL.number(), "no context was selected");
  }

  @Test
  void aSelectionReplacesTheEarlierOneAlsoIfItFails() throws Exception {
    Answers answers =
        talk.answers(
            Conversation.modern()
                .option(OPT_STRUCTURED_REPLY, new byte[0])
                .option(OPT_SET_META_CONTEXT, Conversation.query("disk", DIRTY, DIRTY, SINCE))
                .option(OPT_SET_META_CONTEXT, Conversation.query("nope", DIRTY))
                .option(OPT_GO, Conversation.info("disk"))
                .request(0, CMD_BLOCK_STATUS, 1, 0, 512));
    answers.options();
    List<OptionReply> selected = answers.options();
    assertEquals(List.of(DIRTY, SINCE), names(selected));
    assertNotEquals(id(selected.get(0)), id(selected.get(1)));
    assertEquals(NbdProtocol.REP_ERR_UNKNOWN, Answers.last(answers.options()).type());
    answers.options();
    answers.expectError(1, Errno.EINVAL.number(), "no context was selected");
  }

  @Test
  void anExportHasOneBitmapUnderANameThatFits() {
    String tooLong = "x".repeat(NbdLimits.STRING_MAX_BYTES);
    List<MetaContext> contexts = MetaContext.of(List.of(changed), tooLong, "backup-disk");
    assertEquals(
        List.of("base:allocation", DIRTY), contexts.stream().map(MetaContext::name).toList());
    List<DeviceMap> many = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      many.add(new CellMap("map" + i));
    }
    assertEquals(NbdLimits.CONTEXTS_MAX, MetaContext.of(many, "b", "b").size());
  }

  /** What each context says of the cells, from the arrays alone. */
  private int stateOf(String context, int cell) {
    return switch (context) {
      case DEPTH -> depth.states[cell];
      case DIRTY -> changed.states[cell] & 1;
      case SINCE -> since.states[cell];
      default -> 3; // the device was never written
    };
  }

  private void judge(Reply reply, List<String> contexts, long offset, long length, boolean one) {
    assertEquals(0, reply.error(), reply.text());
    assertEquals(contexts.size(), reply.contexts().size());
    long end = -1;
    int place = 0;
    int extentCount = 0;
    for (List<Extent> extents : reply.contexts().values()) {
      String context = contexts.get(place++);
      long at = offset;
      int before = -1;
      for (Extent extent : extents) {
        assertTrue(extent.lengthBytes() > 0, context);
        assertNotEquals(before, extent.state(), () -> context + ": neighbours are not merged");
        before = extent.state();
        for (long byteAt = at; byteAt < at + extent.lengthBytes(); byteAt += CELL) {
          int cell = (int) (byteAt / CELL);
          assertEquals(stateOf(context, cell), extent.state(), () -> context + " cell " + cell);
        }
        at += extent.lengthBytes();
      }
      assertTrue(at > offset && at <= offset + length, context);
      assertTrue(end < 0 || end == at, () -> context + " ends elsewhere than the others");
      assertTrue(!one || extents.size() == 1, context);
      end = at;
      extentCount += extents.size();
    }
    assertTrue(extentCount <= NbdLimits.EXTENTS_PER_REPLY_MAX, "extents in a reply");
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void allContextsTellTheTruthToTheSameEnd(boolean extended) throws Exception {
    Random random = new Random(SEED);
    List<String> all = List.of("base:allocation", DEPTH, DIRTY, SINCE);
    for (int round = 0; round < 60; round++) {
      for (CellMap map : List.of(changed, depth, since)) {
        int runMax = 1 << random.nextInt(13); // from a state for each cell to hardly any changes
        int run = 0;
        int state = 0;
        for (int cell = 0; cell < map.states.length; cell++) {
          if (run-- == 0) {
            run = random.nextInt(runMax);
            state = random.nextInt(3);
          }
          map.states[cell] = state;
        }
        map.stopAfterBytes =
            random.nextBoolean() ? Long.MAX_VALUE : (1L + random.nextInt(SIZE / CELL)) * CELL;
      }
      List<String> contexts = all.stream().filter(name -> random.nextInt(4) > 0).toList();
      contexts = contexts.isEmpty() ? all : contexts;
      String[] queries = contexts.toArray(String[]::new);
      long offset = (long) random.nextInt(SIZE / CELL) * CELL;
      int length = (1 + random.nextInt((int) (SIZE - offset) / CELL)) * CELL;
      boolean one = random.nextInt(4) == 0;
      int flags = one ? CMD_FLAG_REQ_ONE : 0;
      Conversation said = extended ? extended(queries) : structured(queries);
      if (extended) {
        said.extended(flags, CMD_BLOCK_STATUS, 1, offset, length).extended(0, CMD_DISC, 0, 0, 0);
      } else {
        said.request(flags, CMD_BLOCK_STATUS, 1, offset, length);
      }
      Answers answers = talk.answers(said).pastStructured();
      judge(answers.reply(0), contexts, offset, length, one);
    }
  }

  @Test
  void extentsOfAllContextsTogetherAreLimited() throws Exception {
    for (int cell = 0; cell < changed.states.length; cell++) {
      changed.states[cell] = cell & 1;
      depth.states[cell] = cell & 2;
    }
    // The first context has more extents than its share, the second must end where it does.
    List<String> contexts = List.of("base:allocation", DEPTH, DIRTY);
    Conversation said = structured(contexts.toArray(String[]::new));
    Answers answers = talk.answers(said.request(0, CMD_BLOCK_STATUS, 1, 0, SIZE)).pastStructured();
    Reply reply = answers.reply(0);
    judge(reply, contexts, 0, SIZE, false);
    assertEquals(
        NbdLimits.EXTENTS_PER_REPLY_MAX / 3,
        reply.contexts().values().stream().mapToInt(List::size).max().orElse(0));
  }

  @Test
  void aMapThatFailsOrSaysNothingFailsTheWhole() throws Exception {
    depth.failure = new ErrnoException(Errno.EIO, "the image is lost");
    since.silent = true;
    for (String bad : List.of(DEPTH, SINCE)) {
      Answers answers =
          talk.answers(
                  structured("base:allocation", bad)
                      .request(0, CMD_BLOCK_STATUS, 1, 0, SIZE)
                      .read(2, 0, 512))
              .pastStructured();
      answers.expectError(1, Errno.EIO.number(), bad.equals(DEPTH) ? "is lost" : "no answer");
      assertEquals(2, answers.reply(512).cookie());
    }
  }

  private static byte[] payload(long lengthBytes, int... ids) {
    ByteBuffer payload = ByteBuffer.allocate(8 + 4 * ids.length).putLong(lengthBytes);
    Arrays.stream(ids).forEach(payload::putInt);
    return payload.array();
  }

  private static Conversation status(Conversation said, long cookie, long offset, byte[] payload) {
    return said.extended(CMD_FLAG_PAYLOAD_LEN, CMD_BLOCK_STATUS, cookie, offset, payload.length)
        .raw(payload);
  }

  @Test
  void aPayloadChoosesAmongTheContexts() throws Exception {
    Conversation said = extended("base:allocation", DIRTY, SINCE);
    status(said, 1, 4096, payload(8192, 4));
    status(said, 2, 0, payload(SIZE, 3, 1));
    said.extended(0, CMD_BLOCK_STATUS, 3, 0, 512).extended(0, CMD_DISC, 0, 0, 0);
    Answers answers = talk.answers(said).pastStructured();
    Reply one = answers.reply(0);
    judge(one, List.of(SINCE), 4096, 8192, false);
    assertEquals(4, one.contexts().keySet().iterator().next());
    assertEquals(4096, one.requestOffset());
    judge(answers.reply(0), List.of("base:allocation", DIRTY), 0, SIZE, false);
    judge(answers.reply(0), List.of("base:allocation", DIRTY, SINCE), 0, 512, false);
  }

  @Test
  void aBadPayloadIsTakenAndRefused() throws Exception {
    Conversation said = extended("base:allocation", DIRTY);
    List<byte[]> bad =
        List.of(
            payload(512, 1, 1),
            payload(512, 2), // depth was not selected
            payload(512, 99),
            payload(512),
            payload(512, 1, 3, 1),
            new byte[7],
            new byte[13],
            new byte[0],
            payload(SIZE + 512L, 1),
            payload(-1, 1),
            payload(0, 1));
    for (int i = 0; i < bad.size(); i++) {
      status(said, i, 0, bad.get(i));
    }
    said.extended(0, CMD_READ, 99, 0, 512).extended(0, CMD_DISC, 0, 0, 0);
    Answers answers = talk.answers(said).pastStructured();
    for (int i = 0; i < bad.size(); i++) {
      answers.expectError(i, Errno.EINVAL.number(), "BLOCK_STATUS");
    }
    assertEquals(99, answers.reply(512).cookie());
  }

  @Test
  void thePayloadIsOfferedWithExtendedHeadersAndContextsOnly() throws Exception {
    assertEquals(0, flags(OPT_STRUCTURED_REPLY, OPT_GO, DIRTY) & FLAG_BLOCK_STATUS_PAYLOAD);
    assertEquals(0, flags(OPT_EXTENDED_HEADERS, OPT_GO, "qemu:") & FLAG_BLOCK_STATUS_PAYLOAD);
    int go = flags(OPT_EXTENDED_HEADERS, OPT_GO, DIRTY);
    assertNotEquals(0, go & FLAG_BLOCK_STATUS_PAYLOAD);
    assertEquals(go, flags(OPT_EXTENDED_HEADERS, OPT_INFO, DIRTY));
  }

  private int flags(int style, int option, String query) throws Exception {
    Answers answers =
        talk.answers(
            Conversation.modern()
                .option(style, new byte[0])
                .option(OPT_SET_META_CONTEXT, Conversation.query("disk", query))
                .option(option, Conversation.info("disk")));
    answers.options();
    answers.options();
    OptionReply info = answers.option();
    return Short.toUnsignedInt(ByteBuffer.wrap(info.data()).getShort(10));
  }

  @Test
  void aContextThatIsGoneAtTheGoIsToldAndNotServed() throws Exception {
    ContextSelection selection =
        ContextSelection.of(
            new Export("disk", "", device, false).with(MetaContext.of(List.of(changed), "b", "b")),
            List.of("qemu:dirty-bitmap:b"));
    Map<String, String> state =
        Map.of(
            "handshake.client-flags", "3",
            "handshake.option-count", "2",
            "handshake.skipped-option", "0",
            "handshake.skip-bytes", "0",
            "handshake.reply-style", "STRUCTURED",
            "handshake.context-export", "disk",
            "handshake.contexts", selection.text());
    // Of the same name, without that bitmap.
    byte[] said = new Conversation().option(OPT_GO, Conversation.info("disk")).toBytes();
    ScriptedChannel channel = new ScriptedChannel(said);
    talk.session(channel, state).converse();
    ByteBuffer heard = ByteBuffer.wrap(channel.heard());
    assertEquals(NbdProtocol.REP_ERR_UNKNOWN, heard.getInt(12));
  }

  /** A client whose words end at some byte for a server that is to come to rest there. */
  private static final class Resting extends java.io.FilterInputStream
      implements java.nio.channels.ByteChannel {
    private final ByteArrayOutputStream heard;
    private final int restAt;
    private int at;
    Session session;

    Resting(byte[] said, int from, int restAt, ByteArrayOutputStream heard) {
      super(new java.io.ByteArrayInputStream(said, from, restAt - from));
      this.heard = heard;
      this.restAt = restAt;
      this.at = from;
    }

    @Override
    public int read(ByteBuffer target) throws IOException {
      if (at == restAt) {
        session.rest();
        return 0;
      }
      byte[] some = in.readNBytes(Math.min(target.remaining(), restAt - at));
      target.put(some);
      at += some.length;
      return some.length;
    }

    @Override
    public int write(ByteBuffer source) {
      byte[] some = new byte[source.remaining()];
      source.get(some);
      heard.writeBytes(some);
      return some.length;
    }

    @Override
    public boolean isOpen() {
      return true;
    }
  }

  @Test
  void aSessionAtRestAnywhereKeepsWhatWasSelected() throws Exception {
    Arrays.fill(changed.states, 1000, 2000, 1);
    Arrays.fill(since.states, 500, 600, 7);
    Conversation said = extended(SINCE, DIRTY, "base:allocation");
    status(said, 1, 0, payload(SIZE, 4, 3));
    said.extended(0, CMD_BLOCK_STATUS, 2, 4096, SIZE - 4096);
    byte[] whole = said.toBytes();
    said.extended(0, CMD_DISC, 0, 0, 0);
    byte[] expected = talk.bytes(said.toBytes(), null);
    for (int cut = 0; cut <= whole.length; cut++) {
      ByteArrayOutputStream heard = new ByteArrayOutputStream();
      Resting first = new Resting(whole, 0, cut, heard);
      first.session = talk.session(first, Map.of());
      SessionState state = first.session.converse();
      assertNotNull(state, "no rest at byte " + cut);
      ByteArrayOutputStream left = new ByteArrayOutputStream();
      DataOutputStream words = new DataOutputStream(left);
      byte[] unread = new byte[state.unread().remaining()];
      state.unread().get(unread);
      words.write(unread);
      words.write(said.toBytes(), cut, said.toBytes().length - cut);
      // What the client did not hear yet: a session that never began greets anew.
      ScriptedChannel second = new ScriptedChannel(left.toByteArray());
      talk.session(second, state.properties()).converse();
      heard.writeBytes(second.heard());
      assertArrayEquals(expected, heard.toByteArray(), "cut at byte " + cut);
    }
  }
}
