package io.sluice.nbd.session;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import io.sluice.nbd.Answers;
import io.sluice.nbd.Conversation;
import io.sluice.nbd.codec.NbdProtocol;
import io.sluice.nbd.codec.ProtocolException;
import io.sluice.testing.MemoryDevice;
import java.io.IOException;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Seeded nonsense in both phases. The pools of {@link Talk} hold one connection's buffers, so
 * memory that grew, or was not given back, would fail the very next session.
 */
class HostileBytesTest {
  private static final int ROUNDS = 1000;

  private boolean slow;
  private final MemoryDevice device =
      new MemoryDevice(1 << 20, 512, false) {
        @Override
        public boolean mayBlock() {
          return slow;
        }
      };
  private final Talk talk = new Talk(device);

  @Test
  void optionPhaseSurvives() throws Exception {
    for (int seed = 0; seed < ROUNDS; seed++) {
      Random random = new Random(seed);
      Conversation said = new Conversation().number(random.nextInt(8) == 0 ? random.nextInt() : 3);
      for (int i = random.nextInt(12); i >= 0; i--) {
        option(said, random);
      }
      converse(seed, said);
    }
    goodClientIsServed();
  }

  private static void option(Conversation said, Random random) {
    int option = random.nextInt(14) - 1;
    switch (random.nextInt(6)) {
      case 0 -> said.raw(bytes(random, random.nextInt(60)));
      case 1 -> said.optionHeader(option, random.nextInt());
      case 2 -> said.optionHeader(option, random.nextInt(100)).raw(bytes(random, 30));
      case 3 -> said.option(option, mangled(random, Conversation.info("disk", 0, 1, 2, 3)));
      case 4 -> said.option(option, mangled(random, Conversation.query("disk", "base:", "a:b")));
      default -> said.option(option, bytes(random, random.nextInt(200)));
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void transmissionPhaseSurvives(boolean workers) throws Exception {
    slow = workers;
    for (int seed = 0; seed < ROUNDS; seed++) {
      Random random = new Random(seed);
      Conversation said =
          random.nextBoolean() ? Conversation.structured("disk") : Conversation.simple("disk");
      for (int i = random.nextInt(20); i >= 0; i--) {
        request(said, random);
      }
      converse(seed, said);
    }
    goodClientIsServed();
  }

  private static void request(Conversation said, Random random) {
    int type = random.nextInt(10);
    int flags = random.nextInt(4) == 0 ? random.nextInt(1 << 16) : random.nextInt(32);
    long offset = random.nextInt(3) == 0 ? random.nextLong() : 512L * random.nextInt(2100);
    int length = random.nextInt(4) == 0 ? random.nextInt() : 512 * random.nextInt(600);
    switch (random.nextInt(24)) {
      case 0 -> said.raw(bytes(random, random.nextInt(60)));
      case 1 -> said.request(flags, type, 1, offset, length).raw(bytes(random, 512));
      default -> {
        if (type == NbdProtocol.CMD_WRITE) {
          length = random.nextInt(4) == 0 ? random.nextInt(5000) : 512 * random.nextInt(600);
          said.request(flags, type, 2, offset, length).raw(bytes(random, length));
        } else if (type != NbdProtocol.CMD_DISC || random.nextInt(10) == 0) {
          said.request(flags, type, 3, offset, length);
        }
      }
    }
  }

  private static byte[] bytes(Random random, int count) {
    byte[] bytes = new byte[count];
    random.nextBytes(bytes);
    return bytes;
  }

  private static byte[] mangled(Random random, byte[] data) {
    for (int i = random.nextInt(3); i > 0; i--) {
      data[random.nextInt(data.length)] = (byte) (random.nextBoolean() ? random.nextInt() : 0xff);
    }
    return random.nextInt(4) == 0 ? bytes(random, random.nextInt(data.length)) : data;
  }

  /** Whatever comes, a session ends in one of the ways that are meant for it. */
  private void converse(int seed, Conversation said) {
    try {
      talk.bytes(said.toBytes(), new Random(seed));
    } catch (ProtocolException | IOException e) {
      // Cut, or the client hung up in the middle: both are ends.
    } catch (RuntimeException | Error e) {
      fail("seed " + seed, e);
    }
    assertEquals(0, device.holders.size(), () -> "seed " + seed + " left a hold");
  }

  private void goodClientIsServed() throws Exception {
    byte[] data = bytes(new Random(1), 4096);
    Answers answers =
        talk.answers(Conversation.structured("disk").write(1, 0, data).read(2, 0, 4096))
            .pastStructured();
    answers.expectDone(1);
    assertArrayEquals(data, answers.reply(4096).data());
  }
}
