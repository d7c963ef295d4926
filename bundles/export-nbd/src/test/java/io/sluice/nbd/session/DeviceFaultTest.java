package io.sluice.nbd.session;

import static io.sluice.nbd.codec.NbdProtocol.CMD_FLAG_DF;
import static io.sluice.nbd.codec.NbdProtocol.CMD_READ;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.nbd.Answers;
import io.sluice.nbd.Answers.Reply;
import io.sluice.nbd.Conversation;
import io.sluice.testing.MemoryDevice;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Devices and filters that fail, lie or throw: what the client gets, and that the talk goes on. */
class DeviceFaultTest {
  private static byte[] random(int length) {
    byte[] bytes = new byte[length];
    new Random(length).nextBytes(bytes);
    return bytes;
  }

  /** Fails what begins at or after a point. */
  private static final class Broken extends MemoryDevice {
    private final RuntimeException fault;

    Broken(RuntimeException fault) {
      super(8 << 20);
      this.fault = fault;
    }

    @Override
    public void submit(Bio bio) throws ErrnoException {
      if (bio.op().carriesData() && bio.endBytes() > 1 << 20) {
        if (fault != null) {
          throw fault;
        }
        throw new ErrnoException(Errno.EDQUOT, "the quota is used up");
      }
      super.submit(bio);
    }
  }

  @Test
  void failedWriteIsTakenWholeAndTheTalkGoesOn() throws Exception {
    Answers answers =
        new Talk(new Broken(null))
            .answers(
                Conversation.structured("disk")
                    .write(1, 0, random(4 << 20))
                    .write(2, 2 << 20, random(4096))
                    .read(3, 0, 4096)
                    .disconnect())
            .pastStructured();
    answers.expectError(1, 28, "the quota is used up.");
    answers.expectError(2, 28, "the quota is used up.");
    assertArrayEquals(Arrays.copyOf(random(4 << 20), 4096), answers.reply(4096).data());
  }

  @Test
  void oneFailedPieceFailsTheWrite() throws Exception {
    AtomicInteger pieces = new AtomicInteger();
    MemoryDevice once =
        new MemoryDevice(4 << 20) {
          @Override
          public void submit(Bio bio) throws ErrnoException {
            if (pieces.incrementAndGet() == 2) {
              throw new ErrnoException(Errno.EIO, "once");
            }
            super.submit(bio);
          }
        };
    Answers answers =
        new Talk(once)
            .answers(Conversation.structured("disk").write(1, 0, random(4 << 20)).disconnect())
            .pastStructured();
    answers.expectError(1, 5, "once");
    assertEquals(2, pieces.get(), "pieces after the failure were stored");
  }

  @Test
  void readThatFailsMidwayIsAnErrorAfterWholeChunks() throws Exception {
    for (int flags : new int[] {0, CMD_FLAG_DF}) {
      Broken broken = new Broken(null);
      broken.poke(0, random(4 << 20), 4 << 20);
      Answers answers =
          new Talk(broken)
              .answers(
                  Conversation.structured("disk")
                      .request(flags, CMD_READ, 1, 0, 4 << 20)
                      .read(2, 0, 512)
                      .disconnect())
              .pastStructured();
      Reply failed = answers.reply(4 << 20);
      assertEquals(28, failed.error());
      assertEquals(flags == 0 ? (1 << 20) / InlineReads.PIECE_BYTES : 1, failed.chunkCount());
      assertEquals(2, answers.reply(512).cookie());
    }
  }

  @Test
  void simpleReadThatFailsMidwayCutsTheConnection() {
    Answers answers =
        new Talk(new Broken(null))
            .answersUntilCut(Conversation.simple("disk").read(1, 0, 4 << 20).read(2, 0, 512))
            .pastSimple();
    assertTrue(answers.rest().remaining() <= 16 + (1 << 20), "the failed part was sent");
  }

  @Test
  void simpleReadThatFailsAtOnceIsAnError() throws Exception {
    Answers answers =
        new Talk(new Broken(null))
            .answers(Conversation.simple("disk").read(1, 2 << 20, 4 << 20).disconnect())
            .pastSimple();
    answers.expectError(1, 28, "");
  }

  @Test
  void faultInAFilterFailsOneRequest() throws Exception {
    Answers answers =
        new Talk(new Broken(new IllegalStateException("bug")))
            .answers(
                Conversation.structured("disk").read(1, 2 << 20, 512).read(2, 0, 512).disconnect())
            .pastStructured();
    answers.expectError(1, 5, "IllegalStateException: bug");
    assertEquals(0, answers.reply(512).error());
  }

  @Test
  void shortReadOfTheDeviceIsAnErrorNotOldMemory() throws Exception {
    MemoryDevice lazy =
        new MemoryDevice(1 << 20) {
          @Override
          public void submit(Bio bio) {
            bio.data().position(bio.data().position() + 100);
          }
        };
    Answers answers =
        new Talk(lazy)
            .answers(Conversation.structured("disk").read(1, 0, 512).disconnect())
            .pastStructured();
    answers.expectError(1, 5, "left 412 bytes undone");
  }
}
