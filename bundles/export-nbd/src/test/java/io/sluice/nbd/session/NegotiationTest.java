package io.sluice.nbd.session;

import static io.sluice.nbd.Answers.last;
import static io.sluice.nbd.codec.NbdProtocol.CMD_BLOCK_STATUS;
import static io.sluice.nbd.codec.NbdProtocol.FLAG_CAN_MULTI_CONN;
import static io.sluice.nbd.codec.NbdProtocol.FLAG_HAS_FLAGS;
import static io.sluice.nbd.codec.NbdProtocol.FLAG_READ_ONLY;
import static io.sluice.nbd.codec.NbdProtocol.FLAG_SEND_CACHE;
import static io.sluice.nbd.codec.NbdProtocol.FLAG_SEND_DF;
import static io.sluice.nbd.codec.NbdProtocol.FLAG_SEND_FAST_ZERO;
import static io.sluice.nbd.codec.NbdProtocol.FLAG_SEND_FLUSH;
import static io.sluice.nbd.codec.NbdProtocol.FLAG_SEND_FUA;
import static io.sluice.nbd.codec.NbdProtocol.FLAG_SEND_TRIM;
import static io.sluice.nbd.codec.NbdProtocol.FLAG_SEND_WRITE_ZEROES;
import static io.sluice.nbd.codec.NbdProtocol.INFO_BLOCK_SIZE;
import static io.sluice.nbd.codec.NbdProtocol.INFO_DESCRIPTION;
import static io.sluice.nbd.codec.NbdProtocol.INFO_EXPORT;
import static io.sluice.nbd.codec.NbdProtocol.INFO_NAME;
import static io.sluice.nbd.codec.NbdProtocol.OPT_ABORT;
import static io.sluice.nbd.codec.NbdProtocol.OPT_EXPORT_NAME;
import static io.sluice.nbd.codec.NbdProtocol.OPT_GO;
import static io.sluice.nbd.codec.NbdProtocol.OPT_INFO;
import static io.sluice.nbd.codec.NbdProtocol.OPT_LIST;
import static io.sluice.nbd.codec.NbdProtocol.OPT_LIST_META_CONTEXT;
import static io.sluice.nbd.codec.NbdProtocol.OPT_SET_META_CONTEXT;
import static io.sluice.nbd.codec.NbdProtocol.OPT_STARTTLS;
import static io.sluice.nbd.codec.NbdProtocol.OPT_STRUCTURED_REPLY;
import static io.sluice.nbd.codec.NbdProtocol.REP_ACK;
import static io.sluice.nbd.codec.NbdProtocol.REP_ERR_INVALID;
import static io.sluice.nbd.codec.NbdProtocol.REP_ERR_SHUTDOWN;
import static io.sluice.nbd.codec.NbdProtocol.REP_ERR_TOO_BIG;
import static io.sluice.nbd.codec.NbdProtocol.REP_ERR_UNKNOWN;
import static io.sluice.nbd.codec.NbdProtocol.REP_ERR_UNSUP;
import static io.sluice.nbd.codec.NbdProtocol.REP_SERVER;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.ErrnoException;
import io.sluice.nbd.Answers;
import io.sluice.nbd.Answers.OptionReply;
import io.sluice.nbd.Conversation;
import io.sluice.nbd.codec.NbdLimits;
import io.sluice.testing.MemoryDevice;
import java.io.Closeable;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Every option, right and wrong, against what the specification says. */
class NegotiationTest {
  private static final byte[] NOTHING = {};

  private final MemoryDevice device = new MemoryDevice(1 << 20, 512, false);
  private final Talk talk = new Talk(device);

  private OptionReply only(Conversation said) throws Exception {
    List<OptionReply> replies = talk.answers(said).options();
    assertEquals(1, replies.size());
    return replies.get(0);
  }

  private OptionReply only(int option, byte[] data) throws Exception {
    return only(Conversation.modern().option(option, data));
  }

  private void refused(int type, String part, OptionReply reply) {
    assertEquals(type, reply.type(), reply.text());
    assertTrue(reply.text().contains(part) && reply.text().endsWith("."), reply.text());
  }

  @Test
  void unknownOptionsAreRefusedAndTheTalkGoesOn() throws Exception {
    Answers answers =
        talk.answers(
            Conversation.modern()
                .option(4711, new byte[100])
                .option(OPT_STARTTLS, NOTHING)
                .option(12, NOTHING)
                .option(-1, NOTHING)
                .option(OPT_LIST, NOTHING));
    for (int option : new int[] {4711, OPT_STARTTLS, 12, -1}) {
      OptionReply reply = answers.option();
      assertEquals(option, reply.option());
      refused(REP_ERR_UNSUP, "not supported", reply);
    }
    OptionReply server = answers.option();
    assertEquals(REP_SERVER, server.type());
    assertEquals("\0\0\0\4diskA disk", server.text());
    assertEquals(REP_ACK, answers.option().type());
    assertFalse(answers.hasMore());
  }

  @Test
  void malformedOptionsAreInvalid() throws Exception {
    refused(REP_ERR_INVALID, "takes none", only(OPT_LIST, new byte[1]));
    refused(REP_ERR_INVALID, "takes none", only(OPT_STRUCTURED_REPLY, new byte[4]));
    refused(REP_ERR_INVALID, "limit 4096", only(OPT_GO, Conversation.info("x".repeat(5000))));
    refused(REP_ERR_INVALID, "end after", only(OPT_INFO, NOTHING));
    refused(REP_ERR_INVALID, "structured", only(OPT_SET_META_CONTEXT, NOTHING));
    refused(REP_ERR_INVALID, "structured", only(OPT_LIST_META_CONTEXT, Conversation.query("disk")));
  }

  @Test
  void oversizeOptionIsSkippedWithoutBeingKept() throws Exception {
    Conversation said =
        Conversation.modern()
            .option(OPT_GO, new byte[NbdLimits.OPTION_DATA_MAX_BYTES + 1])
            .option(77, new byte[3 << 20])
            .option(OPT_ABORT, NOTHING);
    Answers answers = new Answers(talk.bytes(said.toBytes(), new Random(5)));
    refused(REP_ERR_TOO_BIG, "16384", answers.option());
    refused(REP_ERR_TOO_BIG, "16384", answers.option());
    assertEquals(REP_ACK, answers.option().type());
  }

  @Test
  void whatCantBeAnsweredCutsTheConnection() {
    for (Conversation said :
        List.of(
            new Conversation().number(4),
            new Conversation().number(-1),
            Conversation.modern().raw(new byte[16]),
            Conversation.modern().optionHeader(OPT_GO, NbdLimits.OPTION_SKIP_MAX_BYTES + 1),
            Conversation.modern().optionHeader(OPT_LIST, -1),
            Conversation.modern().option(OPT_EXPORT_NAME, "nope".getBytes(US_ASCII)),
            Conversation.modern().option(OPT_EXPORT_NAME, new byte[4097]),
            new Conversation().number(0).option(OPT_LIST, NOTHING))) {
      assertFalse(talk.answersUntilCut(said).hasMore());
    }
    assertEquals(List.of(), device.holders);
  }

  @Test
  void optionsOfOneConnectionAreLimited() {
    Conversation said = Conversation.modern();
    for (int i = 0; i <= NbdLimits.OPTIONS_MAX; i++) {
      said.option(OPT_STRUCTURED_REPLY, NOTHING);
    }
    Answers answers = talk.answersUntilCut(said);
    assertEquals(REP_ACK, answers.option().type());
  }

  @Test
  void unknownExportIsToldByName() throws Exception {
    refused(REP_ERR_UNKNOWN, "no such export: nope", only(OPT_GO, Conversation.info("nope")));
    refused(REP_ERR_UNKNOWN, "no such export: nope", only(OPT_INFO, Conversation.info("nope")));
  }

  @Test
  void infoAndGoAgreeAndTellAll() throws Exception {
    byte[] request = Conversation.info("disk", INFO_NAME, INFO_DESCRIPTION, INFO_BLOCK_SIZE, 99);
    Answers answers =
        talk.answers(
            Conversation.modern()
                .option(OPT_INFO, request)
                .option(OPT_GO, request)
                .read(1, 0, 512)
                .disconnect());
    List<OptionReply> info = answers.options();
    List<OptionReply> go = answers.options();
    assertEquals(5, info.size());
    for (int i = 0; i < info.size(); i++) {
      assertArrayEquals(info.get(i).data(), go.get(i).data());
      assertEquals(OPT_GO, go.get(i).option());
    }
    assertEquals("\0\1disk", info.get(0).text());
    assertEquals("\0\2A disk", info.get(1).text());
    ByteBuffer sizes = ByteBuffer.wrap(info.get(2).data());
    assertEquals(INFO_BLOCK_SIZE, sizes.getShort());
    assertEquals(
        List.of(512, 4096, 32 << 20), List.of(sizes.getInt(), sizes.getInt(), sizes.getInt()));
    ByteBuffer export = ByteBuffer.wrap(info.get(3).data());
    assertEquals(INFO_EXPORT, export.getShort());
    assertEquals(1 << 20, export.getLong());
    assertEquals(
        FLAG_HAS_FLAGS
            | FLAG_SEND_FLUSH
            | FLAG_SEND_FUA
            | FLAG_SEND_TRIM
            | FLAG_SEND_WRITE_ZEROES
            | FLAG_CAN_MULTI_CONN
            | FLAG_SEND_CACHE
            | FLAG_SEND_FAST_ZERO,
        export.getShort());
    assertEquals(512, answers.reply(512).data().length);
  }

  @Test
  void flagsFollowTheDevice() throws Exception {
    Talk images = new Talk(new MemoryDevice(1 << 20, 4096, true));
    Answers answers =
        images.answers(
            Conversation.modern()
                .option(OPT_STRUCTURED_REPLY, NOTHING)
                .option(OPT_INFO, Conversation.info("disk")));
    answers.options();
    ByteBuffer export = ByteBuffer.wrap(answers.option().data());
    assertEquals(
        FLAG_HAS_FLAGS | FLAG_READ_ONLY | FLAG_SEND_DF | FLAG_CAN_MULTI_CONN | FLAG_SEND_CACHE,
        export.getShort(10));
  }

  @Test
  void exportNameServesOldClients() throws Exception {
    byte[] name = "disk".getBytes(US_ASCII);
    for (int clientFlags : new int[] {0, 1, 3}) {
      Answers answers =
          talk.answers(
              new Conversation()
                  .number(clientFlags)
                  .option(OPT_EXPORT_NAME, name)
                  .read(8, 512, 512)
                  .disconnect());
      assertEquals(1 << 20, answers.rest().getLong());
      assertTrue((answers.rest().getShort() & FLAG_HAS_FLAGS) != 0);
      for (int i = 0; i < (clientFlags == 3 ? 0 : 124); i++) {
        assertEquals(0, answers.rest().get());
      }
      assertEquals(8, answers.reply(512).cookie());
      assertFalse(answers.hasMore());
    }
  }

  @Test
  void contextsAreListedByWildcardAndSelectedByName() throws Exception {
    Answers answers =
        talk.answers(
            Conversation.modern()
                .option(OPT_STRUCTURED_REPLY, NOTHING)
                .option(OPT_LIST_META_CONTEXT, Conversation.query("disk"))
                .option(OPT_LIST_META_CONTEXT, Conversation.query("disk", "base:"))
                .option(OPT_LIST_META_CONTEXT, Conversation.query("disk", "qemu:", "base:x"))
                .option(OPT_SET_META_CONTEXT, Conversation.query("disk", "base:"))
                .option(OPT_SET_META_CONTEXT, Conversation.query("disk", "x:y", "base:allocation"))
                .option(OPT_SET_META_CONTEXT, Conversation.query("nope", "base:allocation")));
    answers.options();
    assertEquals("\0\0\0\0base:allocation", answers.options().get(0).text());
    assertEquals("\0\0\0\0base:allocation", answers.options().get(0).text());
    assertEquals(REP_ACK, answers.options().get(0).type());
    assertEquals(REP_ACK, answers.options().get(0).type());
    assertEquals("\0\0\0\1base:allocation", answers.options().get(0).text());
    assertEquals(REP_ERR_UNKNOWN, last(answers.options()).type());
  }

  @Test
  void failedOrForeignSelectionLeavesNoContext() throws Exception {
    byte[] right = Conversation.query("disk", "base:allocation");
    byte[] wrong = new byte[7];
    Answers answers =
        talk.answers(
            Conversation.modern()
                .option(OPT_STRUCTURED_REPLY, NOTHING)
                .option(OPT_SET_META_CONTEXT, right)
                .option(OPT_SET_META_CONTEXT, wrong)
                .option(OPT_GO, Conversation.info("disk"))
                .request(0, CMD_BLOCK_STATUS, 1, 0, 512)
                .disconnect());
    for (int i = 0; i < 4; i++) {
      answers.options();
    }
    answers.expectError(1, 22, "no context");
  }

  @Test
  void abortIsAcknowledgedAndEnds() throws Exception {
    Answers answers =
        talk.answers(Conversation.modern().option(OPT_ABORT, NOTHING).option(OPT_LIST, NOTHING));
    assertEquals(REP_ACK, answers.option().type());
    assertFalse(answers.hasMore());
  }

  @Test
  void deviceThatIsLeavingRefusesGoAndTheTalkGoesOn() throws Exception {
    device.removed = true;
    Answers answers =
        talk.answers(
            Conversation.modern()
                .option(OPT_GO, Conversation.info("disk"))
                .option(OPT_LIST, NOTHING));
    refused(REP_ERR_SHUTDOWN, "being removed", answers.option());
    assertEquals(REP_ACK, last(answers.options()).type());
  }

  @Test
  void exportThatIsTakenAwayMeanwhileRefusesGoAndHoldsNothing() throws Exception {
    Talk[] own = new Talk[1];
    MemoryDevice leaving =
        new MemoryDevice(1 << 20) {
          @Override
          public Closeable hold(String holder) throws ErrnoException {
            own[0].withdrawn = true;
            return super.hold(holder);
          }
        };
    own[0] = new Talk(leaving);
    Answers answers =
        own[0].answers(
            Conversation.modern()
                .option(OPT_GO, Conversation.info("disk"))
                .option(OPT_ABORT, NOTHING));
    refused(REP_ERR_UNKNOWN, "no such export: disk", answers.option());
    assertEquals(REP_ACK, answers.option().type());
    assertEquals(List.of(), leaving.holders);
  }

  @Test
  void bytesMayComeInAnyPieces() throws Exception {
    byte[] said =
        Conversation.structured("disk")
            .write(1, 512, new byte[1024])
            .read(2, 0, 4096)
            .disconnect()
            .toBytes();
    byte[] whole = talk.bytes(said, null);
    for (int seed = 0; seed < 50; seed++) {
      int s = seed;
      assertArrayEquals(whole, talk.bytes(said, new Random(seed)), () -> "seed " + s);
    }
  }
}
