package io.sluice.nbd.server;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.Random;
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
    eager = new EagerChannel(server, pollers, () -> nanos.addAndGet(stepNanos));
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

  /** Reads what is sent once the reader has given up polling, and sleeps. */
  private void missThenReceive() throws Exception {
    stepNanos = EagerChannel.SHORT_WAIT_NANOS + 1; // longer than a search, and no short wait
    FutureTask<Void> sender =
        new FutureTask<>(
            () -> {
              while (!server.isBlocking()) {
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

  @Test
  void pollsAfterShortWaitsInARow_andStopsWhenItIsInVain() throws Exception {
    shortWaits(EagerChannel.SHORT_WAITS_WANTED);
    assertTrue(server.isBlocking(), "the waits that are learned from sleep");
    shortWaits(1);
    assertFalse(server.isBlocking(), "polling");
    missThenReceive();
    assertTrue(server.isBlocking());
    shortWaits(2 * EagerChannel.SHORT_WAITS_WANTED);
    assertTrue(server.isBlocking(), "twice as many are wanted now");
    shortWaits(1);
    assertFalse(server.isBlocking());
  }

  @Test
  void aLongWaitStartsTheCountAnew() throws Exception {
    shortWaits(EagerChannel.SHORT_WAITS_WANTED - 1);
    stepNanos = EagerChannel.SHORT_WAIT_NANOS + 1;
    shortWaits(1);
    stepNanos = 1;
    shortWaits(EagerChannel.SHORT_WAITS_WANTED);
    assertTrue(server.isBlocking());
    shortWaits(1);
    assertFalse(server.isBlocking());
  }

  @Test
  void nobodyPollsBeyondTheLimit() throws Exception {
    assertTrue(pollers.tryAcquire(), "another connection polls");
    shortWaits(3 * EagerChannel.SHORT_WAITS_WANTED);
    assertTrue(server.isBlocking());
    pollers.release();
    shortWaits(1);
    assertFalse(server.isBlocking());
    assertEquals(1, pollers.availablePermits(), "and gives the right back each time");
    assertEquals(0, EagerChannel.pollers(1).availablePermits(), "never the only processor");
  }

  @Test
  void aFullSocketMakesAPollingConnectionWait() throws Exception {
    shortWaits(EagerChannel.SHORT_WAITS_WANTED + 1);
    assertFalse(server.isBlocking());
    byte[] data = new byte[8 << 20];
    new Random(8).nextBytes(data);
    ByteBuffer received = ByteBuffer.allocate(data.length);
    FutureTask<Void> reader =
        new FutureTask<>(
            () -> {
              while (!server.isBlocking()) { // so the socket has been full
                Thread.onSpinWait();
              }
              while (received.hasRemaining()) {
                client.read(received);
              }
              return null;
            });
    new Thread(reader, "reader").start();
    ByteBuffer source = ByteBuffer.wrap(data);
    while (source.hasRemaining()) {
      eager.write(source);
    }
    reader.get();
    assertArrayEquals(data, received.array());
  }

  @Test
  void whoSharesItsChannelNeverPollsAgain() throws Exception {
    shortWaits(EagerChannel.SHORT_WAITS_WANTED + 1);
    eager.share();
    assertTrue(server.isBlocking());
    shortWaits(3 * EagerChannel.SHORT_WAITS_WANTED);
    assertTrue(server.isBlocking());
  }

  @Test
  void theEndOfTheStreamIsSeenWhilePolling() throws Exception {
    shortWaits(EagerChannel.SHORT_WAITS_WANTED + 1);
    client.close();
    assertEquals(-1, receive());
  }
}
