package io.sluice.nbd.server;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** When a connection polls and when it sleeps, by a clock that moves when the test says. */
@Timeout(60)
class EagerChannelTest {
  @TempDir Path dir;

  private final AtomicLong nanos = new AtomicLong();
  private volatile long stepNanos = 1;
  private final Semaphore pollers = new Semaphore(1);
  private SocketChannel server;
  private SocketChannel client;
  private EagerChannel eager;

  @BeforeEach
  void connect() throws IOException {
    UnixDomainSocketAddress address = UnixDomainSocketAddress.of(dir.resolve("s"));
    try (ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      listener.bind(address);
      client = SocketChannel.open(address);
      server = listener.accept();
    }
    eager =
        new EagerChannel(server, ByteBuffer.allocate(0), pollers, () -> nanos.addAndGet(stepNanos));
  }

  @AfterEach
  void disconnect() throws IOException {
    client.close();
    eager.close();
  }

  private void send() throws IOException {
    client.write(ByteBuffer.wrap(new byte[] {1}));
  }

  private int receive() throws IOException {
    return eager.read(ByteBuffer.allocate(1));
  }

  private void shortWaits(int count) throws IOException {
    for (int i = 0; i < count; i++) {
      send();
      assertEquals(1, receive());
    }
  }

  /** Reads what is sent while the reader searches in vain, or sleeps. */
  private void missThenReceive() throws Exception {
    stepNanos = EagerChannel.SHORT_WAIT_NANOS + 1; // longer than a search, and no short wait
    FutureTask<Void> sender =
        new FutureTask<>(
            () -> {
              while (eager.isPolling()) {
                Thread.onSpinWait();
              }
              send();
              return null;
            });
    new Thread(sender, "sender").start();
    assertEquals(1, receive());
    sender.get();
    stepNanos = 1;
  }

  /** Finds nothing while the sender waits for the reader to sleep; polling or not, it goes on. */
  private void missThenSleep() throws Exception {
    stepNanos = EagerChannel.SHORT_WAIT_NANOS + 1;
    FutureTask<Integer> sleeper = sleeper();
    send();
    assertEquals(1, sleeper.get());
    stepNanos = 1;
  }

  @Test
  void pollsAfterShortWaitsInARow_andStopsWhenItIsInVain() throws Exception {
    shortWaits(EagerChannel.SHORT_WAITS_WANTED - 1);
    assertFalse(eager.isPolling(), "the waits that are learned from sleep");
    shortWaits(1);
    assertTrue(eager.isPolling());
    missThenReceive();
    assertFalse(eager.isPolling());
    shortWaits(2 * EagerChannel.SHORT_WAITS_WANTED - 1);
    assertFalse(eager.isPolling(), "twice as many are wanted now");
    shortWaits(1);
    assertTrue(eager.isPolling());
  }

  @Test
  void aSearchInVainIsPaidForByThoseBefore() throws Exception {
    shortWaits(EagerChannel.SHORT_WAITS_WANTED);
    shortWaits(EagerChannel.HITS_PAYING);
    missThenSleep();
    assertTrue(eager.isPolling(), "enough was found before");
    shortWaits(EagerChannel.HITS_PAYING - 1);
    missThenSleep();
    assertFalse(eager.isPolling(), "one was spent, and too few came");
    shortWaits(2 * EagerChannel.SHORT_WAITS_WANTED - 1);
    assertFalse(eager.isPolling(), "twice as many are wanted now");
    shortWaits(1);
    assertTrue(eager.isPolling());
  }

  @Test
  void aLongWaitStartsTheCountAnew() throws Exception {
    shortWaits(EagerChannel.SHORT_WAITS_WANTED - 1);
    stepNanos = EagerChannel.SHORT_WAIT_NANOS + 1;
    shortWaits(1);
    stepNanos = 1;
    shortWaits(EagerChannel.SHORT_WAITS_WANTED - 1);
    assertFalse(eager.isPolling());
    shortWaits(1);
    assertTrue(eager.isPolling());
  }

  @Test
  void nobodyPollsBeyondTheLimit() throws Exception {
    shortWaits(EagerChannel.SHORT_WAITS_WANTED);
    assertTrue(pollers.tryAcquire(), "another connection polls");
    long before = nanos.get();
    shortWaits(1);
    assertEquals(before + 2, nanos.get(), "a read that may not search looks at the clock twice");
    pollers.release();
    shortWaits(1);
    assertEquals(before + 3, nanos.get(), "a search that finds it at once has only a start");
    assertEquals(1, pollers.availablePermits(), "and gives the right back each time");
    assertEquals(0, EagerChannel.pollers(1).availablePermits(), "never the only processor");
  }

  @Test
  void aFullSocketIsWaitedFor() throws Exception {
    byte[] data = new byte[8 << 20];
    new Random(8).nextBytes(data);
    ByteBuffer received = ByteBuffer.allocate(data.length);
    ByteBuffer source = ByteBuffer.wrap(data);
    while (server.write(source) > 0) {
      // Until there is no room, so that the next one has to wait.
    }
    FutureTask<Void> reader =
        new FutureTask<>(
            () -> {
              while (received.hasRemaining()) {
                client.read(received);
              }
              return null;
            });
    new Thread(reader, "reader").start();
    while (source.hasRemaining()) {
      assertTrue(eager.write(source) > 0, "a write waits rather than to do nothing");
    }
    reader.get();
    assertArrayEquals(data, received.array());
  }

  @Test
  void theEndOfTheStreamIsSeenWhilePolling() throws Exception {
    shortWaits(EagerChannel.SHORT_WAITS_WANTED);
    client.close();
    assertEquals(-1, receive());
  }

  private FutureTask<Integer> sleeper() throws InterruptedException {
    FutureTask<Integer> sleeper = new FutureTask<>(this::receive);
    Thread thread = new Thread(sleeper, "sleeper");
    thread.start();
    while (thread.getState() != Thread.State.RUNNABLE || !sleepsInTheKernel(thread)) {
      Thread.onSpinWait();
    }
    return sleeper;
  }

  private static boolean sleepsInTheKernel(Thread thread) {
    StackTraceElement[] stack = thread.getStackTrace();
    return stack.length > 0 && stack[0].getMethodName().equals("wait");
  }

  @Test
  void aSleeperIsWokenWithoutLoss_andItsSocketGoesOn() throws Exception {
    FutureTask<Integer> sleeper = sleeper();
    eager.wake();
    assertEquals(0, sleeper.get());
    assertEquals(0, receive(), "and nobody sleeps again");
    send();
    assertEquals(1, receive(), "what comes is still read");
    assertFalse(eager.release().hasRemaining());
    assertTrue(server.isOpen());
    eager =
        new EagerChannel(
            server, ByteBuffer.wrap(new byte[] {7}), pollers, () -> nanos.addAndGet(stepNanos));
    send();
    ByteBuffer two = ByteBuffer.allocate(2);
    assertEquals(1, eager.read(two), "what was carried comes first");
    assertEquals(1, eager.read(two));
    assertArrayEquals(new byte[] {7, 1}, two.array());
  }

  @Test
  void aSleeperIsWokenByTheEndOfItsChannel() throws Exception {
    FutureTask<Integer> sleeper = sleeper();
    eager.close();
    ExecutionException e = assertThrows(ExecutionException.class, sleeper::get);
    assertInstanceOf(ClosedChannelException.class, e.getCause());
  }

  @Test
  void anInterruptMeansNothing() throws Exception {
    send();
    Thread.currentThread().interrupt();
    assertEquals(1, receive());
    assertTrue(Thread.interrupted(), "nobody slept, so nobody took it");
    FutureTask<Integer> sleeper = sleeper();
    for (Thread thread : Thread.getAllStackTraces().keySet()) {
      if (thread.getName().equals("sleeper")) {
        thread.interrupt();
      }
    }
    send();
    assertEquals(1, sleeper.get());
  }
}
