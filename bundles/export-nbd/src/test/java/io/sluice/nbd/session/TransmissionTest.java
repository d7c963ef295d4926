package io.sluice.nbd.session;

import static io.sluice.nbd.codec.NbdProtocol.CMD_BLOCK_STATUS;
import static io.sluice.nbd.codec.NbdProtocol.CMD_CACHE;
import static io.sluice.nbd.codec.NbdProtocol.CMD_FLAG_DF;
import static io.sluice.nbd.codec.NbdProtocol.CMD_FLAG_FUA;
import static io.sluice.nbd.codec.NbdProtocol.CMD_FLAG_NO_HOLE;
import static io.sluice.nbd.codec.NbdProtocol.CMD_FLAG_REQ_ONE;
import static io.sluice.nbd.codec.NbdProtocol.CMD_FLUSH;
import static io.sluice.nbd.codec.NbdProtocol.CMD_READ;
import static io.sluice.nbd.codec.NbdProtocol.CMD_TRIM;
import static io.sluice.nbd.codec.NbdProtocol.CMD_WRITE;
import static io.sluice.nbd.codec.NbdProtocol.CMD_WRITE_ZEROES;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import io.sluice.nbd.Answers;
import io.sluice.nbd.Answers.Extent;
import io.sluice.nbd.Answers.Reply;
import io.sluice.nbd.Conversation;
import io.sluice.nbd.ScriptedChannel;
import io.sluice.nbd.codec.NbdLimits;
import io.sluice.testing.MemoryDevice;
import java.io.EOFException;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Commands, right and wrong, served in the connection's own thread. */
class TransmissionTest {
  private static final int SIZE = 40 << 20;

  private final MemoryDevice device = new MemoryDevice(SIZE, 512, false);
  private final Talk talk = new Talk(device);

  private static byte[] random(int length) {
    byte[] bytes = new byte[length];
    new Random(length).nextBytes(bytes);
    return bytes;
  }

  private Answers structured(Conversation said) throws Exception {
    return talk.answers(said.disconnect()).pastStructured();
  }

  private Answers simple(Conversation said) throws Exception {
    return talk.answers(said.disconnect()).pastSimple();
  }

  @Test
  void writesOfAllSizesReadBack() throws Exception {
    int[] sizes = {512, 4096, 128 << 10, (128 << 10) + 512, 300 << 10, 1 << 20, 32 << 20};
    for (int size : sizes) {
      byte[] data = random(size);
      for (boolean structured : new boolean[] {true, false}) {
        Arrays.fill(device.bytes, (byte) 0);
        Conversation said =
            structured ? Conversation.structured("disk") : Conversation.simple("disk");
        said.write(1, 1536, data).read(2, 1536, size).disconnect();
        Answers answers = new Answers(talk.bytes(said.toBytes(), new Random(size)));
        answers = structured ? answers.pastStructured() : answers.pastSimple();
        answers.expectDone(1);
        Reply read = answers.reply(size);
        assertEquals(2, read.cookie());
        assertArrayEquals(data, read.data(), () -> size + " bytes");
        assertFalse(answers.hasMore());
      }
    }
  }

  @Test
  void largestBlockSizeIsKeptInEveryPiece() throws Exception {
    byte[] data = random(1 << 20);
    Talk blocks = new Talk(new MemoryDevice(2 << 20, 65536, false));
    Conversation said = Conversation.structured("disk");
    said.write(1, 65536, data).read(2, 65536, 1 << 20).disconnect();
    for (int seed = 0; seed < 20; seed++) {
      int s = seed;
      Answers answers =
          new Answers(blocks.bytes(said.toBytes(), new Random(seed))).pastStructured();
      Reply written = answers.reply(0);
      assertEquals(0, written.error(), () -> "seed " + s + ": " + written.text());
      assertArrayEquals(data, answers.reply(1 << 20).data(), () -> "seed " + s);
    }
  }

  @Test
  void manyRequestsInOneBatch() throws Exception {
    Conversation said = Conversation.structured("disk");
    for (int i = 0; i < 500; i++) {
      said.write(i, 4096L * i, random(512 + 512 * (i % 7)));
      said.read(1000 + i, 4096L * i, 512);
    }
    Answers answers = structured(said);
    for (int i = 0; i < 500; i++) {
      answers.expectDone(i);
      Reply read = answers.reply(512);
      assertEquals(1000 + i, read.cookie());
      assertArrayEquals(Arrays.copyOf(random(512 + 512 * (i % 7)), 512), read.data());
    }
  }

  @Test
  void readWithDfIsOneChunk() throws Exception {
    byte[] data = random(1 << 20);
    device.poke(0, data, data.length);
    Answers answers =
        structured(
            Conversation.structured("disk")
                .request(CMD_FLAG_DF, CMD_READ, 1, 0, 1 << 20)
                .request(CMD_FLAG_DF, CMD_READ, 2, 0, 4096)
                .read(3, 0, 1 << 20));
    Reply large = answers.reply(1 << 20);
    assertEquals(1, large.chunkCount());
    assertArrayEquals(data, large.data());
    assertEquals(1, answers.reply(4096).chunkCount());
    assertTrue(answers.reply(1 << 20).chunkCount() > 1);
  }

  @Test
  void refusalsHaveTheSpecifiedErrorAndSayWhy() throws Exception {
    int large = NbdLimits.PAYLOAD_MAX_BYTES + 512;
    Answers answers =
        structured(
            Conversation.structured("disk")
                .read(1, SIZE, 512)
                .read(2, SIZE - 512, 1024)
                .read(3, -512, 1024)
                .read(4, Long.MAX_VALUE - 511, 1024)
                .read(5, 0, large)
                .read(6, 1, 512)
                .read(7, 512, 100)
                .write(8, SIZE - 512, new byte[1024])
                .write(9, Long.MAX_VALUE - 511, new byte[512])
                .write(10, -512, new byte[512])
                .write(11, 5, new byte[512])
                .write(12, 0, new byte[large])
                .request(0, CMD_TRIM, 13, SIZE, 512)
                .request(0, CMD_WRITE_ZEROES, 14, SIZE, 512)
                .request(0, CMD_WRITE_ZEROES, 15, 0, -512)
                .request(0, CMD_TRIM, 16, 0, -512)
                .request(0, CMD_CACHE, 17, 0, -512)
                .request(0, 99, 18, 0, 0)
                .request(0, 0xffff, 19, 0, 0)
                .request(0x8000, CMD_READ, 20, 0, 512)
                .request(CMD_FLAG_DF, CMD_WRITE, 21, 0, 512)
                .raw(new byte[512])
                .request(CMD_FLAG_REQ_ONE, CMD_FLUSH, 22, 0, 0)
                .request(0, CMD_BLOCK_STATUS, 23, SIZE, 512)
                .request(0, CMD_BLOCK_STATUS, 24, 0, -512)
                .request(0, CMD_BLOCK_STATUS, 25, 0, 0)
                .request(CMD_FLAG_NO_HOLE, CMD_CACHE, 26, 0, 512)
                .read(27, 0, 512));
    answers.expectError(1, 22, "READ 41943040+512 on disk: past the end of the export at 41943040");
    answers.expectError(2, 22, "past the end");
    answers.expectError(3, 22, "18446744073709551104+1024");
    answers.expectError(4, 22, "past the end");
    answers.expectError(5, 22, "longer than the limit of 33554432");
    answers.expectError(6, 22, "multiples of the block size 512");
    answers.expectError(7, 22, "multiples of the block size 512");
    answers.expectError(8, 28, "past the end");
    answers.expectError(9, 28, "past the end");
    answers.expectError(10, 28, "past the end");
    answers.expectError(11, 22, "multiples");
    answers.expectError(12, 22, "longer than the limit");
    answers.expectError(13, 22, "past the end");
    answers.expectError(14, 28, "past the end");
    answers.expectError(15, 28, "past the end");
    answers.expectError(16, 22, "past the end");
    answers.expectError(17, 22, "past the end");
    answers.expectError(18, 22, "command 99 0+0 on disk: unknown command");
    answers.expectError(19, 22, "unknown command");
    answers.expectError(20, 22, "flags 0x8000");
    answers.expectError(21, 22, "flags 0x4");
    answers.expectError(22, 22, "flags 0x8");
    answers.expectError(23, 22, "past the end");
    answers.expectError(24, 22, "past the end");
    answers.expectError(25, 22, "empty range");
    answers.expectError(26, 22, "flags 0x2");
    assertEquals(0, answers.reply(512).error());
    assertFalse(answers.hasMore());
    assertArrayEquals(new byte[SIZE], device.bytes);
  }

  @Test
  void readOnlyRefusesEveryChange() throws Exception {
    Answers answers =
        new Talk(new MemoryDevice(1 << 20, 512, true))
            .answers(
                Conversation.structured("disk")
                    .write(1, 0, new byte[512])
                    .request(0, CMD_TRIM, 2, 0, 512)
                    .request(0, CMD_WRITE_ZEROES, 3, 0, 512)
                    .request(0, CMD_FLUSH, 4, 0, 0)
                    .disconnect())
            .pastStructured();
    answers.expectError(1, 1, "read-only");
    answers.expectError(2, 1, "read-only");
    answers.expectError(3, 1, "read-only");
    answers.expectDone(4);
  }

  @Test
  void simpleClientsGetNumbersOnly() throws Exception {
    Answers answers =
        simple(
            Conversation.simple("disk")
                .read(1, SIZE, 512)
                .request(CMD_FLAG_DF, CMD_READ, 2, 0, 512)
                .request(0, CMD_BLOCK_STATUS, 3, 0, 512)
                .read(4, 0, 512));
    answers.expectError(1, 22, "");
    answers.expectError(2, 22, "");
    answers.expectError(3, 22, "");
    assertEquals(4, answers.reply(512).cookie());
  }

  @Test
  void emptyRequestsSucceed() throws Exception {
    Answers answers =
        structured(
            Conversation.structured("disk")
                .read(1, 0, 0)
                .write(2, SIZE, new byte[0])
                .request(0, CMD_TRIM, 3, 0, 0)
                .request(0, CMD_WRITE_ZEROES, 4, 0, 0)
                .request(0, CMD_CACHE, 5, 0, 0));
    assertTrue(answers.nextIsStructured(), "a read never has a simple reply then");
    for (int cookie = 1; cookie <= 5; cookie++) {
      answers.expectDone(cookie);
    }
  }

  @Test
  void fuaIsAcceptedEverywhereAndReachesTheDeviceWhereItCounts() throws Exception {
    Conversation said = Conversation.structured("disk");
    said.request(CMD_FLAG_FUA, CMD_READ, 1, 0, 512);
    said.request(CMD_FLAG_FUA, CMD_FLUSH, 2, 0, 0);
    said.request(CMD_FLAG_FUA, CMD_CACHE, 3, 0, 512);
    said.request(CMD_FLAG_FUA, CMD_BLOCK_STATUS, 4, 0, 512);
    said.request(CMD_FLAG_FUA, CMD_WRITE, 5, 0, 512).raw(new byte[512]);
    said.request(CMD_FLAG_FUA, CMD_TRIM, 6, 0, 512);
    said.request(CMD_FLAG_FUA | CMD_FLAG_NO_HOLE, CMD_WRITE_ZEROES, 7, 0, 512);
    said.request(CMD_FLAG_FUA, CMD_WRITE, 8, 0, 1 << 20).raw(new byte[1 << 20]);
    Answers answers = structured(said);
    assertEquals(0, answers.reply(512).error());
    for (int cookie = 2; cookie <= 8; cookie++) {
      answers.expectDone(cookie);
    }
    assertEquals(3, device.fuaCount.get(), "WRITE, TRIM, WRITE_ZEROES");
    assertEquals(2, device.flushCount.get(), "FLUSH, and once for the WRITE in pieces");
  }

  @Test
  void blockStatusMergesNeighboursAndKeepsInsideTheRequest() throws Exception {
    device.poke(8192, random(8192), 8192);
    Answers answers =
        structured(
            Conversation.structured("disk")
                .request(0, CMD_BLOCK_STATUS, 1, 0, SIZE)
                .request(CMD_FLAG_REQ_ONE, CMD_BLOCK_STATUS, 2, 0, SIZE)
                .request(CMD_FLAG_REQ_ONE, CMD_BLOCK_STATUS, 3, 8704, 512));
    assertEquals(
        List.of(new Extent(8192, 3), new Extent(8192, 0), new Extent(SIZE - 16384, 3)),
        answers.reply(0).extents());
    assertEquals(List.of(new Extent(8192, 3)), answers.reply(0).extents());
    assertEquals(List.of(new Extent(512, 0)), answers.reply(0).extents());
  }

  @Test
  void blockStatusOfTheLargestRangeIsBounded() throws Exception {
    long size = 1L << 40;
    MemoryDevice huge =
        new MemoryDevice(0) {
          @Override
          public DeviceGeometry geometry() {
            return new DeviceGeometry(size, 512, 4096, true, false, Set.of(BioOp.READ));
          }

          @Override
          public void status(long offset, long length, ExtentVisitor visitor) {
            boolean more = true;
            for (long i = 0; more; i++) {
              more = visitor.extent(512, i % 2 == 0 ? ExtentVisitor.DATA : ExtentVisitor.HOLE);
            }
          }
        };
    Answers answers =
        new Talk(huge)
            .answers(
                Conversation.structured("disk")
                    .request(0, CMD_BLOCK_STATUS, 1, size - (1L << 32), -512)
                    .disconnect())
            .pastStructured();
    assertEquals(NbdLimits.EXTENTS_PER_REPLY_MAX, answers.reply(0).extents().size());
  }

  @Test
  void deviceThatOverstatesOrSaysNothingIsKeptInside() throws Exception {
    long[] lengths = {Long.MAX_VALUE, 0, -5};
    int[] at = {0};
    MemoryDevice liar =
        new MemoryDevice(1 << 20) {
          @Override
          public void status(long offset, long length, ExtentVisitor visitor) {
            visitor.extent(lengths[at[0]++], ExtentVisitor.HOLE | ExtentVisitor.ZERO);
          }
        };
    Conversation said = Conversation.structured("disk");
    for (int i = 0; i < lengths.length; i++) {
      said.request(0, CMD_BLOCK_STATUS, i, 0, 8192);
    }
    Answers answers = new Talk(liar).answers(said.disconnect()).pastStructured();
    assertEquals(List.of(new Extent(8192, 3)), answers.reply(0).extents());
    assertEquals(List.of(new Extent(8192, 0)), answers.reply(0).extents());
    assertEquals(List.of(new Extent(8192, 0)), answers.reply(0).extents());
  }

  @Test
  void whatCantBeAnsweredCutsTheConnection() {
    int tooLarge = NbdLimits.PAYLOAD_DRAIN_MAX_BYTES + 512;
    for (Conversation said :
        List.of(
            Conversation.structured("disk").raw(new byte[28]),
            Conversation.structured("disk").request(0, CMD_WRITE, 1, 0, tooLarge),
            Conversation.structured("disk").request(0, CMD_WRITE, 1, 0, -1))) {
      assertFalse(talk.answersUntilCut(said).pastStructured().hasMore());
    }
    assertEquals(List.of(), device.holders);
  }

  @Test
  void clientThatDiesInAPayloadLeavesNothing() {
    Conversation said =
        Conversation.structured("disk").request(0, CMD_WRITE, 1, 0, 8192).raw(new byte[100]);
    assertThrows(EOFException.class, () -> talk.answers(said));
    assertArrayEquals(new byte[SIZE], device.bytes);
    assertEquals(List.of(), device.holders);
  }

  @Test
  void requestsAfterDiscAreNotServed() throws Exception {
    Answers answers =
        talk.answers(
                Conversation.structured("disk")
                    .read(1, 0, 512)
                    .disconnect()
                    .write(2, 0, new byte[] {1, 2, 3}))
            .pastStructured();
    assertEquals(1, answers.reply(512).cookie());
    assertFalse(answers.hasMore());
  }

  @Test
  void stoppedSessionTellsTheNextRequestsAndEnds() throws Exception {
    Session[] session = new Session[1];
    MemoryDevice stopper =
        new MemoryDevice(1 << 20) {
          @Override
          public void submit(Bio bio) throws ErrnoException {
            super.submit(bio);
            session[0].stop();
          }
        };
    ScriptedChannel channel =
        new ScriptedChannel(
            Conversation.structured("disk")
                .read(1, 0, 512)
                .read(2, 0, 512)
                .write(3, 0, random(700))
                .request(0, CMD_FLUSH, 4, 0, 0)
                .toBytes());
    session[0] = new Talk(stopper).session(channel);
    session[0].run();
    Answers answers = new Answers(channel.heard()).pastStructured();
    assertEquals(0, answers.reply(512).error());
    answers.expectError(2, 108, "READ 0+512 on disk: the export is being shut down.");
    answers.expectError(3, 108, "being shut down");
    answers.expectError(4, 108, "being shut down");
    assertFalse(answers.hasMore());
    assertArrayEquals(new byte[1 << 20], stopper.bytes);
  }
}
