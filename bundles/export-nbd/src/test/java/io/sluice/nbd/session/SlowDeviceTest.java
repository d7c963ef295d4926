package io.sluice.nbd.session;

import static io.sluice.nbd.codec.NbdProtocol.CMD_FLUSH;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.nbd.Answers;
import io.sluice.nbd.Answers.Reply;
import io.sluice.nbd.Conversation;
import io.sluice.testing.MemoryDevice;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Devices that wait: their requests are spread over threads, and only theirs. */
@Timeout(60)
class SlowDeviceTest {
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final AtomicInteger handedOver = new AtomicInteger();

  @AfterEach
  void stop() {
    threads.shutdown();
  }

  private void countAndRun(Runnable task) {
    handedOver.incrementAndGet();
    threads.execute(task);
  }

  /** Serves reads and writes only when a number of them are there at the same time. */
  private static class Together extends MemoryDevice {
    private final CyclicBarrier barrier;

    Together(int count) {
      super(8 << 20, 512, false);
      barrier = new CyclicBarrier(count);
    }

    @Override
    public boolean mayBlock() {
      return true;
    }

    @Override
    public void submit(Bio bio) throws ErrnoException {
      if (bio.op().carriesData()) {
        try {
          barrier.await(20, TimeUnit.SECONDS);
        } catch (InterruptedException | BrokenBarrierException | TimeoutException e) {
          throw new ErrnoException(Errno.EIO, "the others did not come", e);
        }
      }
      synchronized (this) {
        super.submit(bio);
      }
    }
  }

  private static byte[] pattern(int seed, int length) {
    byte[] bytes = new byte[length];
    new Random(seed).nextBytes(bytes);
    return bytes;
  }

  @Test
  void requestsOfOneBatchAreInFlightTogether() throws Exception {
    Together device = new Together(8);
    Talk talk = new Talk(device, this::countAndRun, System::nanoTime);
    for (boolean structured : new boolean[] {true, false}) {
      Conversation said =
          structured ? Conversation.structured("disk") : Conversation.simple("disk");
      for (int i = 0; i < 8; i++) {
        said.write(i, 65536L * i, pattern(i, 512 + 512 * i));
      }
      Answers answers = talk.answers(said);
      answers = structured ? answers.pastStructured() : answers.pastSimple();
      Set<Long> cookies = new HashSet<>();
      for (int i = 0; i < 8; i++) {
        Reply reply = answers.reply(0);
        assertEquals(0, reply.error(), reply.text());
        cookies.add(reply.cookie());
      }
      assertEquals(8, cookies.size());
      assertFalse(answers.hasMore());
      readBack(talk, structured);
    }
    assertEquals(4 * 7, handedOver.get(), "all but the last of each batch");
  }

  private static void readBack(Talk talk, boolean structured) throws Exception {
    Conversation said = structured ? Conversation.structured("disk") : Conversation.simple("disk");
    for (int i = 0; i < 8; i++) {
      said.read(i, 65536L * i, 8192);
    }
    Answers answers = talk.answers(said);
    answers = structured ? answers.pastStructured() : answers.pastSimple();
    for (int i = 0; i < 8; i++) {
      Reply reply = answers.reply(8192);
      int seed = (int) reply.cookie();
      int length = 512 + 512 * seed;
      assertArrayEquals(pattern(seed, length), Arrays.copyOf(reply.data(), length));
    }
  }

  @Test
  void largeWritesAreInFlightTogether() throws Exception {
    Together device = new Together(3);
    Conversation said = Conversation.structured("disk");
    for (int i = 0; i < 3; i++) {
      said.write(i, i << 20, pattern(i, 1 << 20));
    }
    Answers answers =
        new Talk(device, this::countAndRun, System::nanoTime).answers(said).pastStructured();
    for (int i = 0; i < 3; i++) {
      assertEquals(0, answers.reply(0).error());
      assertArrayEquals(
          pattern(i, 1 << 20), Arrays.copyOfRange(device.bytes, i << 20, (i + 1) << 20));
    }
  }

  @Test
  void moreThanTheBoundsAreServedInPlace() throws Exception {
    MemoryDevice device = new Together(1);
    Conversation said = Conversation.structured("disk");
    for (int i = 0; i < 200; i++) {
      said.write(i, 4096L * i, pattern(i, 4096)).request(0, CMD_FLUSH, 1000 + i, 0, 0);
    }
    Talk talk =
        new Talk(
            device,
            task -> {
              if (handedOver.incrementAndGet() % 3 == 0) {
                throw new RejectedExecutionException();
              }
              threads.execute(task);
            },
            System::nanoTime);
    Answers answers = talk.answers(said).pastStructured();
    for (int i = 0; i < 400; i++) {
      assertEquals(0, answers.reply(0).error());
    }
    for (int i = 0; i < 200; i++) {
      assertArrayEquals(
          pattern(i, 4096), Arrays.copyOfRange(device.bytes, 4096 * i, 4096 * (i + 1)));
    }
  }

  @Test
  void requestsOfOneConnectionWithWorkersAreLimited() throws Exception {
    List<Runnable> waiting = new ArrayList<>();
    AtomicInteger mostWaiting = new AtomicInteger();
    MemoryDevice device =
        new Together(1) {
          @Override
          public void submit(Bio bio) throws ErrnoException {
            if (bio.offsetBytes() == 4096) {
              mostWaiting.set(waiting.size());
              waiting.forEach(threads::execute);
            }
            super.submit(bio);
          }
        };
    Conversation said = Conversation.structured("disk");
    for (int i = 0; i < 40; i++) {
      said.read(i, i == 39 ? 4096 : 0, 512);
    }
    Answers answers = new Talk(device, waiting::add, System::nanoTime).answers(said);
    answers.pastStructured();
    for (int i = 0; i < 40; i++) {
      assertEquals(0, answers.reply(512).error());
    }
    assertEquals(Workers.TASKS_MAX, mostWaiting.get());
  }

  @Test
  void errorsOfWorkersReachTheClient() throws Exception {
    MemoryDevice device =
        new Together(1) {
          @Override
          public void submit(Bio bio) throws ErrnoException {
            if (bio.op() == BioOp.READ) {
              throw new ErrnoException(Errno.ENOSPC, "the snapshot has overflowed");
            }
            throw new IllegalStateException("bug");
          }
        };
    Answers answers =
        new Talk(device, this::countAndRun, System::nanoTime)
            .answers(
                Conversation.structured("disk")
                    .read(1, 0, 512)
                    .write(2, 0, new byte[512])
                    .request(0, CMD_FLUSH, 3, 0, 0)
                    .disconnect())
            .pastStructured();
    for (int i = 0; i < 3; i++) {
      Reply reply = answers.reply(0);
      boolean read = reply.cookie() == 1;
      assertEquals(read ? 28 : 5, reply.error());
      assertTrue(reply.text().contains(read ? "overflowed" : "bug"), reply.text());
    }
    assertEquals(3, handedOver.get());
  }

  /** A device whose time is told by the clock given to the session. */
  private static final class Timed extends MemoryDevice {
    private final AtomicLong clockNanos;
    private volatile long requestNanos;

    Timed(AtomicLong clockNanos) {
      super(1 << 20, 512, false);
      this.clockNanos = clockNanos;
    }

    @Override
    public void submit(Bio bio) throws ErrnoException {
      clockNanos.addAndGet(requestNanos);
      super.submit(bio);
    }
  }

  private int handedOverOf(Timed device, AtomicLong clockNanos, int requests) throws Exception {
    handedOver.set(0);
    Conversation said = Conversation.structured("disk");
    for (int i = 0; i < requests; i++) {
      said.read(i, 0, 512);
    }
    Answers answers =
        new Talk(device, task -> runHere(task), clockNanos::get).answers(said).pastStructured();
    for (int i = 0; i < requests; i++) {
      assertEquals(0, answers.reply(512).error());
    }
    return handedOver.get();
  }

  private void runHere(Runnable task) {
    handedOver.incrementAndGet();
    task.run();
  }

  @Test
  void cachedDevicesPayNothingAndSlowOnesAreFoundOut() throws Exception {
    AtomicLong clockNanos = new AtomicLong();
    Timed device = new Timed(clockNanos);
    device.requestNanos = 10_000;
    assertEquals(0, handedOverOf(device, clockNanos, 1000));
    device.requestNanos = 200_000;
    assertTrue(handedOverOf(device, clockNanos, 1000) > 900, "a slow device is not found out");
  }
}
