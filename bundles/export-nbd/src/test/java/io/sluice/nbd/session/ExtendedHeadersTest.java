package io.sluice.nbd.session;

import static io.sluice.nbd.codec.NbdProtocol.CMD_BLOCK_STATUS;
import static io.sluice.nbd.codec.NbdProtocol.CMD_FLAG_DF;
import static io.sluice.nbd.codec.NbdProtocol.CMD_FLAG_PAYLOAD_LEN;
import static io.sluice.nbd.codec.NbdProtocol.CMD_FLAG_REQ_ONE;
import static io.sluice.nbd.codec.NbdProtocol.CMD_FLUSH;
import static io.sluice.nbd.codec.NbdProtocol.CMD_READ;
import static io.sluice.nbd.codec.NbdProtocol.CMD_TRIM;
import static io.sluice.nbd.codec.NbdProtocol.CMD_WRITE;
import static io.sluice.nbd.codec.NbdProtocol.CMD_WRITE_ZEROES;
import static io.sluice.nbd.codec.NbdProtocol.OPT_EXPORT_NAME;
import static io.sluice.nbd.codec.NbdProtocol.OPT_EXTENDED_HEADERS;
import static io.sluice.nbd.codec.NbdProtocol.OPT_STRUCTURED_REPLY;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ExtentVisitor;
import io.sluice.nbd.Answers;
import io.sluice.nbd.Answers.Extent;
import io.sluice.nbd.Answers.Reply;
import io.sluice.nbd.Conversation;
import io.sluice.nbd.codec.NbdLimits;
import io.sluice.nbd.codec.NbdProtocol;
import io.sluice.testing.MemoryDevice;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Requests and chunks with 64-bit lengths, as the extension describes them. */
class ExtendedHeadersTest {
  private static final int SIZE = 4 << 20;
  private static final long TIB = 1L << 40;

  private final MemoryDevice device = new MemoryDevice(SIZE);
  private final Talk talk = new Talk(device);

  private Answers answers(Conversation said) throws Exception {
    Conversation whole = said.extended(0, NbdProtocol.CMD_DISC, 0, 0, 0);
    return talk.answers(whole).pastStructured();
  }

  @Test
  void agreementReplacesStructuredReplies() throws Exception {
    Answers answers =
        talk.answers(
            Conversation.modern()
                .option(OPT_EXTENDED_HEADERS, new byte[1])
                .option(OPT_STRUCTURED_REPLY, new byte[0])
                .option(OPT_EXTENDED_HEADERS, new byte[0])
                .option(OPT_STRUCTURED_REPLY, new byte[0]));
    assertEquals(NbdProtocol.REP_ERR_INVALID, answers.option().type());
    assertEquals(NbdProtocol.REP_ACK, answers.option().type());
    assertEquals(NbdProtocol.REP_ACK, answers.option().type());
    assertEquals(0x8000000a, answers.option().type());
    assertFalse(answers.hasMore());
  }

  @Test
  void exportNameHasNoPlaceAfterIt() {
    Conversation said =
        Conversation.modern()
            .option(OPT_EXTENDED_HEADERS, new byte[0])
            .option(OPT_EXPORT_NAME, "disk".getBytes(UTF_8));
    assertFalse(talk.answersUntilCut(said).hasMore());
    assertEquals(List.of(), device.holders);
  }

  @Test
  void everyReplyIsAChunkThatRepeatsTheOffset() throws Exception {
    byte[] data = new byte[300_000];
    new Random(4).nextBytes(data);
    Answers answers =
        answers(
            Conversation.extended("disk")
                .extended(CMD_FLAG_PAYLOAD_LEN, CMD_WRITE, 1, 4096, data.length)
                .raw(data)
                .extended(0, CMD_READ, 2, 4096, data.length)
                .extended(CMD_FLAG_DF, CMD_READ, 3, 8192, 200_000)
                .extended(0, CMD_READ, 4, 512, 512)
                .extended(0, CMD_READ, 5, 77, 0)
                .extended(0, CMD_FLUSH, 6, 0, 0)
                .extended(0, CMD_WRITE_ZEROES, 7, 1 << 20, 1 << 20)
                .extended(0, 99, 8, 5, 0));
    Reply written = answers.reply(0);
    assertEquals(0, written.error(), written.text());
    assertEquals(4096, written.requestOffset());
    Reply read = answers.reply(data.length);
    assertArrayEquals(data, read.data());
    assertEquals(4096, read.requestOffset());
    Reply whole = answers.reply(200_000);
    assertArrayEquals(Arrays.copyOfRange(data, 4096, 204_096), whole.data());
    assertEquals(8192, whole.requestOffset());
    assertEquals(4, answers.reply(512).cookie());
    assertEquals(77, answers.reply(0).requestOffset());
    answers.expectDone(6);
    answers.expectDone(7);
    answers.expectError(8, Errno.EINVAL.number(), "unknown command");
    assertFalse(answers.hasMore());
  }

  @Test
  void payloadsWhereNoneBelongAreTakenAndRefused() throws Exception {
    Answers answers =
        answers(
            Conversation.extended("disk")
                .extended(CMD_FLAG_PAYLOAD_LEN, CMD_READ, 1, 0, 100)
                .raw(new byte[100])
                .extended(CMD_FLAG_PAYLOAD_LEN, CMD_BLOCK_STATUS, 2, 0, 12)
                .raw(new byte[12])
                .extended(CMD_FLAG_PAYLOAD_LEN, CMD_WRITE, 3, SIZE, 512)
                .raw(new byte[512])
                .extended(0, CMD_WRITE, 4, 0, 512)
                .raw(new byte[512])
                .extended(0, CMD_READ, 5, 0, -1)
                .extended(0, CMD_TRIM, 6, 512, Long.MIN_VALUE)
                .extended(0, CMD_READ, 7, 0, 512));
    answers.expectError(1, Errno.EINVAL.number(), "flags");
    answers.expectError(2, Errno.EINVAL.number(), "one not selected");
    answers.expectError(3, Errno.ENOSPC.number(), "past the end");
    answers.expectDone(4);
    answers.expectError(5, Errno.EINVAL.number(), "18446744073709551615");
    answers.expectError(6, Errno.EINVAL.number(), "past the end");
    assertEquals(7, answers.reply(512).cookie());
  }

  @Test
  void payloadsBeyondTheLimitEndTheConnection() {
    for (long length : new long[] {NbdLimits.PAYLOAD_DRAIN_MAX_BYTES + 1L, -1, Long.MIN_VALUE}) {
      for (int type : new int[] {CMD_WRITE, CMD_READ}) {
        Conversation said =
            Conversation.extended("disk").extended(CMD_FLAG_PAYLOAD_LEN, type, 1, 0, length);
        assertFalse(talk.answersUntilCut(said).pastStructured().hasMore());
      }
    }
  }

  @Test
  void aRequestOfTheOldSizeEndsTheConnection() {
    Conversation said = Conversation.extended("disk").read(1, 0, 512).number(0);
    assertFalse(talk.answersUntilCut(said).pastStructured().hasMore());
  }

  /** So large that its length takes more than 32 bits; remembers what it was asked for. */
  private static final class Huge implements BlockDevice {
    private final List<String> asked = new ArrayList<>();

    @Override
    public DeviceGeometry geometry() {
      return new DeviceGeometry(TIB, 512, 4096, false, false, EnumSet.allOf(BioOp.class));
    }

    @Override
    public void submit(Bio bio) {
      asked.add(bio.op() + " " + bio.offsetBytes() + "+" + bio.lengthBytes());
    }

    @Override
    public void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor) {
      long half = lengthBytes / 2;
      if (visitor.extent(half, ExtentVisitor.HOLE | ExtentVisitor.ZERO)) {
        visitor.extent(lengthBytes - half, ExtentVisitor.DATA);
      }
    }
  }

  @Test
  void lengthsOf64BitsArriveAndReturn() throws Exception {
    Huge huge = new Huge();
    Answers answers =
        new Talk(huge)
            .answers(
                Conversation.extended("disk")
                    .extended(0, CMD_WRITE_ZEROES, 1, 512, TIB - 512)
                    .extended(0, CMD_TRIM, 2, 0, TIB)
                    .extended(0, CMD_BLOCK_STATUS, 3, 0, TIB)
                    .extended(CMD_FLAG_REQ_ONE, CMD_BLOCK_STATUS, 4, TIB / 2, TIB / 2)
                    .extended(0, NbdProtocol.CMD_DISC, 0, 0, 0))
            .pastStructured();
    answers.expectDone(1);
    answers.expectDone(2);
    assertEquals(
        List.of(new Extent(TIB / 2, 3), new Extent(TIB / 2, 0)), answers.reply(0).extents());
    assertEquals(List.of(new Extent(TIB / 4, 3)), answers.reply(0).extents());
    assertEquals(List.of("WRITE_ZEROES 512+" + (TIB - 512), "DISCARD 0+" + TIB), huge.asked);
  }
}
