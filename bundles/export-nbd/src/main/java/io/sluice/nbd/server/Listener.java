package io.sluice.nbd.server;

import java.io.IOException;
import java.nio.channels.ClosedSelectorException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Takes the clients of one endpoint, in a thread of its own from {@link #start} to {@link #rest} or
 * {@link #close}. Thread-safe.
 */
final class Listener implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(Listener.class.getPackageName());

  private static final long REFUSED_TOLD_NANOS = TimeUnit.SECONDS.toNanos(1);

  /** Starts a client, or refuses it, and calls {@link #leave} once one has gone. */
  interface Reception {
    void welcome(SocketChannel channel, Peer peer, Listener from) throws IOException;
  }

  private final Endpoint endpoint;
  private final Reception reception;
  private Selector selector;
  private CountDownLatch ended;
  private volatile boolean accepting;
  private final AtomicInteger connectionCount = new AtomicInteger();
  private boolean fullTold;
  private final Refusals refusals = new Refusals();

  Listener(Endpoint endpoint, Reception reception) {
    this.endpoint = endpoint;
    this.reception = reception;
  }

  /** Where it listens. */
  Endpoint endpoint() {
    return endpoint;
  }

  /** Begins to take clients. */
  synchronized void start() throws IOException {
    endpoint.channel().configureBlocking(false);
    Selector opened = Selector.open();
    endpoint.channel().register(opened, SelectionKey.OP_ACCEPT);
    CountDownLatch end = new CountDownLatch(1);
    selector = opened;
    ended = end;
    accepting = true;
    Thread thread = new Thread(() -> accept(opened, end), "nbd-accept " + endpoint.name());
    thread.setDaemon(true);
    thread.start();
  }

  /** Takes no more clients; those that come wait in the kernel. Returns when none is on its way. */
  synchronized void rest() throws IOException {
    accepting = false;
    if (selector != null) {
      // Also wakes the thread.
      selector.close();
      selector = null;
      awaitEnd();
    }
  }

  private void awaitEnd() {
    boolean interrupted = false;
    while (true) {
      try {
        // Nothing in that thread waits for anybody.
        ended.await();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() throws IOException {
    accepting = false;
    try {
      endpoint.close();
    } finally {
      rest();
    }
  }

  private void accept(Selector selector, CountDownLatch end) {
    try {
      while (accepting) {
        try {
          selector.select(key -> {});
          Thread.interrupted();
          SocketChannel channel = endpoint.channel().accept();
          if (channel != null) {
            take(channel);
          }
        } catch (IOException | ClosedSelectorException e) {
          pauseAfter(e);
        }
      }
    } finally {
      end.countDown();
    }
  }

  /** The process may be out of descriptors: trying again at once would only burn a core. */
  private void pauseAfter(Exception e) {
    if (!accepting) {
      return;
    }
    LOG.log(System.Logger.Level.WARNING, "accepting on " + endpoint.name() + ": " + e);
    try {
      TimeUnit.MILLISECONDS.sleep(100);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void take(SocketChannel channel) {
    if (!tryEnter()) {
      Clients.closeQuietly(channel);
      return;
    }
    try {
      endpoint.prepare(channel);
      reception.welcome(channel, endpoint.identify(channel), this);
    } catch (IOException | RuntimeException | Error e) {
      // An Error here is a thread that could not be made: this client's loss, nobody else's.
      tellRefused(e);
      leave();
      Clients.closeQuietly(channel);
    }
  }

  /** One line a second at most, however many come. May be called by any thread. */
  void tellRefused(Throwable why) {
    long nowNanos = System.nanoTime();
    long untold;
    // Not this object's own lock: a rest holds it while it waits for the acceptor.
    synchronized (refusals) {
      if (!refusals.isDue(nowNanos)) {
        return;
      }
      untold = refusals.take(nowNanos);
    }
    LOG.log(
        System.Logger.Level.WARNING,
        () ->
            "NBD client on "
                + endpoint.name()
                + " refused: "
                + why.getMessage()
                + (untold > 0 ? " (and " + untold + " before it)" : ""));
  }

  /** What has been told of refusals; guarded by itself. */
  private static final class Refusals {
    private long toldNanos = System.nanoTime() - REFUSED_TOLD_NANOS;
    private long untoldCount;

    boolean isDue(long nowNanos) {
      boolean due = nowNanos - toldNanos >= REFUSED_TOLD_NANOS;
      untoldCount += due ? 0 : 1;
      return due;
    }

    /** How many have not been told since the last one that was. */
    long take(long nowNanos) {
      long untold = untoldCount;
      toldNanos = nowNanos;
      untoldCount = 0;
      return untold;
    }
  }

  /** Says once that all places are taken, not to each client of a flood. */
  private boolean tryEnter() {
    if (connectionCount.get() < NbdServer.CONNECTIONS_PER_LISTENER_MAX) {
      connectionCount.incrementAndGet();
      fullTold = false;
      return true;
    }
    if (!fullTold) {
      fullTold = true;
      LOG.log(
          System.Logger.Level.WARNING,
          () ->
              "NBD on "
                  + endpoint.name()
                  + ": all "
                  + NbdServer.CONNECTIONS_PER_LISTENER_MAX
                  + " connections are in use, further clients are turned away");
    }
    return false;
  }

  /** Counts a client that a predecessor let in. */
  void enterAdopted() {
    connectionCount.incrementAndGet();
  }

  /** Counts a client that has gone. */
  void leave() {
    connectionCount.decrementAndGet();
  }
}
