package io.sluice.nbd.server;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.ErrnoException;
import io.sluice.nbd.Conversation;
import io.sluice.nbd.codec.NbdProtocol;
import io.sluice.swap.HandOver;
import io.sluice.testing.MemoryDevice;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Clients that write and verify while server after server takes over: each request is answered
 * once, with the right bytes. The connections are those of one client, on one device.
 */
@Timeout(120)
class HandOverRoundsTest {
  private static final int ROUNDS = Integer.getInteger("sluice.test.handover.rounds", 200);
  private static final long SEED = Long.getLong("sluice.test.seed", 20_261_121);
  private static final int CONNECTIONS = 4;
  private static final int AREA_BYTES = 2 << 20;
  private static final int SLOTS = 32;
  private static final int SLOT_BYTES = AREA_BYTES / SLOTS;

  @TempDir Path directory;

  private final AtomicLong longestNanos = new AtomicLong();
  private final AtomicLong requestCount = new AtomicLong();
  private volatile boolean blocks;
  private volatile boolean over;

  private final MemoryDevice disk =
      new MemoryDevice(CONNECTIONS * AREA_BYTES) {
        @Override
        public boolean mayBlock() {
          return blocks;
        }

        @Override
        public void submit(Bio bio) throws ErrnoException {
          synchronized (this) {
            super.submit(bio);
          }
        }
      };

  /** What is expected of a request that was sent. */
  @SuppressWarnings("ArrayRecordComponent") // never compared as a whole
  private record Sent(int type, byte[] expected, long sentNanos) {}

  /** One connection with an area of the device of its own, of which it knows every byte. */
  private final class Verifier {
    private final Dialogue dialogue;
    private final int areaOffset;
    private final Random random;
    private final byte[] model = new byte[AREA_BYTES];
    private final boolean structured;
    private long nextCookie;

    Verifier(Dialogue dialogue, int number, boolean structured) {
      this.dialogue = dialogue;
      this.areaOffset = number * AREA_BYTES;
      this.random = new Random(SEED + number);
      this.structured = structured;
    }

    Void work() throws IOException {
      while (!over) {
        batch();
      }
      dialogue.say(new Conversation().disconnect());
      assertTrue(dialogue.ended(), "an answer too many");
      dialogue.close();
      return null;
    }

    /** Requests of one batch are on places of their own, so their order does not matter. */
    private void batch() throws IOException {
      Map<Long, Sent> waiting = new HashMap<>();
      int depth = 1 + random.nextInt(SLOTS);
      Conversation said = new Conversation();
      for (int slot = 0; slot < depth; slot++) {
        waiting.put(nextCookie, ask(said, nextCookie, slot));
        nextCookie++;
      }
      byte[] bytes = said.toBytes();
      int cut = random.nextInt(bytes.length);
      Sender sender = new Sender(bytes, cut);
      Thread thread = new Thread(sender, "sender");
      thread.start();
      while (!waiting.isEmpty()) {
        Dialogue.Answer answer =
            dialogue.answer(
                cookie -> {
                  Sent sent = waiting.get(cookie);
                  return sent.type == NbdProtocol.CMD_READ ? sent.expected.length : 0;
                });
        Sent sent = waiting.remove(answer.cookie());
        assertNotNull(sent, () -> "answered twice: " + answer.cookie() + replay());
        assertEquals(0, answer.error(), HandOverRoundsTest::replay);
        if (sent.type == NbdProtocol.CMD_READ) {
          assertArrayEquals(sent.expected, answer.data(), HandOverRoundsTest::replay);
        }
        longestNanos.accumulateAndGet(System.nanoTime() - sent.sentNanos, Math::max);
        requestCount.incrementAndGet();
      }
    }

    /** Sends beside the reader, in two parts: a server at rest leaves the rest in the socket. */
    private final class Sender implements Runnable {
      private final byte[] bytes;
      private final int cut;

      Sender(byte[] bytes, int cut) {
        this.bytes = bytes;
        this.cut = cut;
      }

      @Override
      public void run() {
        try {
          dialogue.say(Arrays.copyOf(bytes, cut));
          dialogue.say(Arrays.copyOfRange(bytes, cut, bytes.length));
        } catch (IOException e) {
          throw new java.io.UncheckedIOException(e);
        }
      }
    }

    private Sent ask(Conversation said, long cookie, int slot) {
      int length = 512 * (1 + random.nextInt(random.nextInt(8) == 0 ? SLOT_BYTES / 512 : 8));
      int at = slot * SLOT_BYTES + random.nextInt((SLOT_BYTES - length) / 512 + 1) * 512;
      int offset = areaOffset + at;
      int flags = random.nextInt(4) == 0 ? NbdProtocol.CMD_FLAG_FUA : 0;
      byte[] expected = new byte[length];
      int kind = random.nextInt(structured ? 8 : 7);
      int type =
          switch (kind) {
            case 0, 1, 2 -> NbdProtocol.CMD_WRITE;
            case 3 -> NbdProtocol.CMD_WRITE_ZEROES;
            case 4 -> NbdProtocol.CMD_FLUSH;
            case 7 -> NbdProtocol.CMD_BLOCK_STATUS;
            default -> NbdProtocol.CMD_READ;
          };
      switch (type) {
        case NbdProtocol.CMD_WRITE -> {
          random.nextBytes(expected);
          System.arraycopy(expected, 0, model, at, length);
          said.request(flags, type, cookie, offset, length).raw(expected);
        }
        case NbdProtocol.CMD_WRITE_ZEROES -> {
          Arrays.fill(model, at, at + length, (byte) 0);
          said.request(flags, type, cookie, offset, length);
        }
        case NbdProtocol.CMD_FLUSH -> said.request(0, type, cookie, 0, 0);
        default -> {
          System.arraycopy(model, at, expected, 0, length);
          said.request(0, type, cookie, offset, length);
        }
      }
      return new Sent(type, expected, System.nanoTime());
    }
  }

  private static String replay() {
    return "; replay with -Dsluice.test.seed=" + SEED;
  }

  @Test
  void nothingIsLostOrAnsweredTwice() throws Exception {
    Path socket = directory.resolve("nbd.sock");
    Map<String, BlockDevice> devices = Map.of("disk", disk);
    List<Generation.Loader> loaders = List.of(new Generation.Loader(), new Generation.Loader());
    Generation now = Generation.start(loaders.get(0), socket, List.of(), devices, false);
    ExecutorService threads = Executors.newCachedThreadPool();
    List<Future<Void>> workers = new ArrayList<>();
    List<Verifier> verifiers = new ArrayList<>();
    for (int i = 0; i < CONNECTIONS; i++) {
      boolean structured = i % 2 == 0;
      Dialogue dialogue = new Dialogue(UnixDomainSocketAddress.of(socket));
      Verifier verifier = new Verifier(dialogue.enter("disk", structured), i, structured);
      verifiers.add(verifier);
      workers.add(threads.submit(verifier::work));
    }
    Random random = new Random(SEED);
    for (int round = 1; round <= ROUNDS; round++) {
      long goal = requestCount.get() + random.nextInt(100);
      while (requestCount.get() < goal && workers.stream().noneMatch(Future::isDone)) {
        Thread.onSpinWait();
      }
      HandOver handOver = now.handOver(Duration.ofSeconds(20));
      now.close();
      now = Generation.start(loaders.get(round % 2), socket, List.of(), devices, true);
      now.takeOver(handOver);
      blocks = random.nextBoolean();
    }
    over = true;
    for (Future<Void> worker : workers) {
      worker.get();
    }
    now.close();
    threads.shutdown();
    for (Verifier verifier : verifiers) {
      int from = verifier.areaOffset;
      assertArrayEquals(
          verifier.model,
          Arrays.copyOfRange(disk.bytes, from, from + AREA_BYTES),
          HandOverRoundsTest::replay);
    }
    System.out.printf(
        "%d requests of %d connections across %d hand-overs, longest pause %.1f ms%n",
        requestCount.get(), CONNECTIONS, ROUNDS, longestNanos.get() / 1e6);
  }
}
