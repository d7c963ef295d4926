package io.sluice.nbd.session;

import static io.sluice.nbd.codec.NbdProtocol.CMD_FLAG_DF;
import static io.sluice.nbd.codec.NbdProtocol.CMD_READ;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import io.sluice.nbd.Answers;
import io.sluice.nbd.Answers.Hole;
import io.sluice.nbd.Answers.Reply;
import io.sluice.nbd.Conversation;
import io.sluice.testing.MemoryDevice;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Large structured reads leave out what is zero by the device's own word, and nothing else. */
class SparseReadTest {
  private static final int SIZE = 4 << 20;

  private final AtomicInteger askedCount = new AtomicInteger();
  private final AtomicInteger readBytes = new AtomicInteger();

  private class Counting extends MemoryDevice {
    Counting() {
      super(SIZE);
    }

    @Override
    public void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor) {
      askedCount.incrementAndGet();
      super.status(offsetBytes, lengthBytes, visitor);
    }

    @Override
    public void submit(Bio bio) throws ErrnoException {
      readBytes.addAndGet((int) bio.lengthBytes());
      super.submit(bio);
    }
  }

  private final MemoryDevice device = new Counting();

  private static Answers structured(MemoryDevice device, Conversation said) throws Exception {
    return new Talk(device).answers(said.disconnect()).pastStructured();
  }

  private static byte[] ones(int length) {
    byte[] bytes = new byte[length];
    Arrays.fill(bytes, (byte) 1);
    return bytes;
  }

  @Test
  void holesAreNeitherReadNorSent() throws Exception {
    device.poke(1 << 20, ones(100), 100);
    Reply reply = structured(device, Conversation.structured("disk").read(1, 0, SIZE)).reply(SIZE);
    assertEquals(0, reply.error(), reply.text());
    assertEquals(
        List.of(new Hole(0, 1 << 20), new Hole((1 << 20) + 4096, SIZE - (1 << 20) - 4096)),
        reply.holes());
    assertEquals(4096, readBytes.get());
    assertArrayEquals(device.bytes, reply.data());
  }

  @Test
  void anEmptyDeviceIsOneHole() throws Exception {
    Answers answers =
        structured(device, Conversation.structured("disk").read(1, 65536, 1 << 20).read(2, 0, 512));
    assertEquals(List.of(new Hole(65536, 1 << 20)), answers.reply(1 << 20).holes());
    assertEquals(2, answers.reply(512).cookie());
    assertFalse(answers.hasMore());
  }

  @Test
  void smallReadsWholeReadsAndSimpleRepliesHaveNone() throws Exception {
    Answers answers =
        structured(
            device,
            Conversation.structured("disk")
                .read(1, 0, InlineReads.WHOLE_MAX_BYTES)
                .request(CMD_FLAG_DF, CMD_READ, 2, 0, 1 << 20));
    assertEquals(List.of(), answers.reply(InlineReads.WHOLE_MAX_BYTES).holes());
    Reply whole = answers.reply(1 << 20);
    assertEquals(List.of(), whole.holes());
    assertEquals(1, whole.chunkCount());
    Conversation simple = Conversation.simple("disk").read(1, 0, 1 << 20).disconnect();
    assertEquals(0, new Talk(device).answers(simple).pastSimple().reply(1 << 20).error());
    assertEquals(0, askedCount.get());
  }

  @Test
  void randomPatternsAreReadAsTheyAre() throws Exception {
    long seed = 40;
    Random random = new Random(seed);
    for (int round = 0; round < 100; round++) {
      MemoryDevice scattered = new Counting();
      int clusters = SIZE / MemoryDevice.CLUSTER_BYTES;
      for (int i = random.nextInt(2 * clusters); i > 0; i--) {
        byte[] data = new byte[MemoryDevice.CLUSTER_BYTES];
        random.nextBytes(data);
        scattered.poke(random.nextInt(clusters) * data.length, data, data.length);
      }
      int offset = random.nextInt(SIZE / 2);
      int length =
          InlineReads.WHOLE_MAX_BYTES + 1 + random.nextInt(SIZE / 2 - InlineReads.WHOLE_MAX_BYTES);
      Conversation said = Conversation.structured("disk").read(round, offset, length).read(7, 0, 9);
      Answers answers = structured(scattered, said);
      Reply reply = answers.reply(length);
      String where = "seed " + seed + ", round " + round;
      assertArrayEquals(
          Arrays.copyOfRange(scattered.bytes, offset, offset + length), reply.data(), where);
      long holeBytes = reply.holes().stream().mapToLong(Hole::lengthBytes).sum();
      assertTrue(
          reply.holes().stream().allMatch(hole -> hole.lengthBytes() >= HoleSearch.HOLE_MIN_BYTES),
          where);
      assertEquals(0, reply.error(), where);
      assertTrue(holeBytes <= length, where);
      assertEquals(7, answers.reply(9).cookie(), where);
    }
  }

  @Test
  void aFullDeviceIsAskedLessAndLess() throws Exception {
    device.poke(0, ones(SIZE), SIZE);
    Conversation said = Conversation.structured("disk");
    for (int i = 0; i < 200; i++) {
      said.read(i, 0, 128 << 10);
    }
    Answers answers = structured(device, said);
    for (int i = 0; i < 200; i++) {
      assertEquals(i, answers.reply(128 << 10).cookie());
    }
    // After 1, 3, 7, 15, 31, 63 and 63 reads without; after more if a look took long.
    assertTrue(askedCount.get() >= 1 && askedCount.get() <= 8, () -> "asked " + askedCount);
  }

  @Test
  void aDeviceThatCantTellIsRead() throws Exception {
    for (boolean throwsUnchecked : new boolean[] {false, true}) {
      MemoryDevice mute =
          new MemoryDevice(SIZE) {
            @Override
            public void status(long offset, long length, ExtentVisitor visitor) {
              visitor.extent(length / 2, HOLE_AND_ZERO);
              if (throwsUnchecked) {
                throw new IllegalStateException("lost the map");
              }
            }
          };
      mute.poke(0, ones(SIZE), SIZE);
      Conversation said = Conversation.structured("disk").read(1, 0, 1 << 20);
      Reply reply = structured(mute, said).reply(1 << 20);
      int zeroes = throwsUnchecked ? 0 : 1 << 19;
      assertEquals(zeroes, reply.holes().stream().mapToLong(Hole::lengthBytes).sum());
      assertEquals((1 << 20) - zeroes, count(reply.data()), "what is not told about is read");
    }
  }

  private static final int HOLE_AND_ZERO = ExtentVisitor.HOLE | ExtentVisitor.ZERO;

  private static int count(byte[] data) {
    int count = 0;
    for (byte each : data) {
      count += each;
    }
    return count;
  }

  @Test
  void aFailureBehindAHoleIsTold() throws Exception {
    MemoryDevice failing =
        new MemoryDevice(SIZE) {
          @Override
          public void submit(Bio bio) throws ErrnoException {
            throw new ErrnoException(Errno.EIO, "a bad sector");
          }
        };
    failing.poke(1 << 20, ones(512), 512);
    Answers answers = structured(failing, Conversation.structured("disk").read(1, 0, SIZE));
    answers.expectError(1, Errno.EIO.number(), "a bad sector");
    assertFalse(answers.hasMore());
  }
}
