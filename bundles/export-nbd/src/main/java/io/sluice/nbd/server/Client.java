package io.sluice.nbd.server;

import io.sluice.nbd.session.Export;
import io.sluice.nbd.session.Session;
import io.sluice.nbd.session.SessionEvents;
import io.sluice.nbd.session.SessionState;
import java.io.IOException;
import java.nio.channels.SocketChannel;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/** One client with its thread. {@link #run} is that thread's; the rest may be called by any. */
final class Client implements Runnable, SessionEvents {
  private static final System.Logger LOG = System.getLogger(Client.class.getPackageName());

  private final Clients home;
  private final SocketChannel channel;
  private final Peer peer;
  private final Listener listener;
  private final CountDownLatch gone = new CountDownLatch(1);
  private EagerChannel socket;
  private ClientAccess seen;
  private Session session;
  private Rest rest;
  private volatile Future<?> deadline;

  /**
   * @param from where an earlier session stands, or a fresh one
   */
  Client(Clients home, SocketChannel channel, Peer peer, Listener listener, SessionState from)
      throws IOException {
    this.home = home;
    this.channel = channel;
    this.peer = peer;
    this.listener = listener;
    converseFrom(from);
  }

  /** Where it came in. */
  Listener listener() {
    return listener;
  }

  /** The socket. */
  SocketChannel channel() {
    return channel;
  }

  /** Who it is. */
  synchronized Peer peer() {
    return seen.peer();
  }

  /** Whether it talks through TLS. */
  synchronized boolean isSecured() {
    return seen.isSecured();
  }

  /** The export that it is served, or null during the handshake. */
  synchronized Export export() {
    return session.export();
  }

  /** Has it told ESHUTDOWN. */
  synchronized void stop() {
    session.stop();
  }

  /** Takes its channel away; a request under way is still finished. */
  synchronized void abort() {
    session.abort();
  }

  /** Brings it to rest. */
  synchronized Rest rest() {
    Rest asked = new Rest();
    rest = asked;
    bringToRest();
    if (gone.getCount() == 0) {
      asked.leave();
    }
    return asked;
  }

  private void bringToRest() {
    session.rest();
    socket.wake();
  }

  /** If it waits for the client it reads the end; if it is being served it is not disturbed. */
  void shutInput() {
    try {
      channel.shutdownInput();
    } catch (IOException e) {
      abort();
    }
  }

  /** Waits until it has gone. */
  boolean awaitGone(long nanos) {
    try {
      return gone.await(nanos, TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private synchronized void converseFrom(SessionState state) throws IOException {
    socket = home.socket(channel, state);
    seen = home.access(socket, peer, listener);
    session = home.session(socket, seen, this, state);
    deadline = home.after(home.handshakeMaxNanos(), this::abort);
    if (rest != null) {
      bringToRest();
    }
  }

  @Override
  public void agreed() {
    deadline.cancel(false);
  }

  @Override
  public void lost() {
    deadline = home.after(NbdServer.FAREWELL_NANOS, this::letGo);
  }

  private void letGo() {
    stop();
    shutInput();
    deadline = home.after(NbdServer.DRAIN_NANOS, this::abort);
  }

  @Override
  public void run() {
    boolean given = false;
    try {
      boolean goesOn = true;
      while (goesOn) {
        SessionState left = session().run();
        deadline.cancel(false);
        goesOn = false;
        if (left != null && channel.isOpen()) {
          SessionState all = left.followedBy(socket.release());
          Rest asked = restOf();
          given = asked.arrive(all);
          if (!given) {
            forget(asked);
            converseFrom(all);
            goesOn = true;
          }
        }
      }
    } catch (IOException e) {
      LOG.log(System.Logger.Level.DEBUG, () -> peer.name() + " is gone: " + e);
    } finally {
      deadline.cancel(false);
      leave(given);
    }
  }

  private synchronized void releaseTls() {
    seen.release();
  }

  private synchronized Session session() {
    return session;
  }

  private synchronized Rest restOf() {
    return rest;
  }

  private synchronized void forget(Rest asked) {
    rest = rest == asked ? null : rest;
  }

  private void leave(boolean given) {
    if (!given) {
      abort();
    }
    releaseTls();
    home.left(this);
    listener.leave();
    gone.countDown();
    Rest asked = restOf();
    if (asked != null) {
      asked.leave();
    }
  }
}
