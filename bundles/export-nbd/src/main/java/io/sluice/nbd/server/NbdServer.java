package io.sluice.nbd.server;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.nbd.session.Export;
import io.sluice.nbd.session.SessionState;
import io.sluice.nbd.tls.TlsServer;
import java.io.IOException;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/**
 * Listens, and gives each client a session and a thread. Everything that a client could pile up is
 * bounded by the constants below. Thread-safe.
 */
public final class NbdServer implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(NbdServer.class.getPackageName());

  /** Clients of one listener at the same time; further ones are closed at once. */
  static final int CONNECTIONS_PER_LISTENER_MAX = 256;

  /** Connections of one user, or one address, at the same time; further ones are closed at once. */
  static final int CONNECTIONS_PER_CLIENT_MAX = 64;

  /** What the buffers of all clients may take. */
  static final long CONNECTION_BUFFERS_MAX_BYTES = 128L << 20;

  /** What the payloads that are with workers may take. */
  static final long WORKER_BUFFERS_MAX_BYTES = 64L << 20;

  /** Threads that serve requests of slow devices, for all clients together. */
  static final int WORKERS_MAX = 64;

  /** How long a client may negotiate. */
  static final long HANDSHAKE_MAX_NANOS = TimeUnit.SECONDS.toNanos(10);

  /** How long a client that is to go may still send requests and be told ESHUTDOWN. */
  static final long FAREWELL_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  /** How long requests under way may take to finish then. */
  static final long DRAIN_NANOS = TimeUnit.SECONDS.toNanos(2);

  private final ExportTable table;
  private final Access access;
  private final TlsServer tls;
  private final Clients clients;
  private final List<Listener> listeners = new CopyOnWriteArrayList<>();

  /** Whether clients wait in the kernel as yet; guarded by {@link #clients}. */
  private boolean clientsWait;

  /** A server that does not listen yet, lets in whom it does by default, and has no TLS. */
  NbdServer(ExportTable table) {
    this(table, Access.usual(), null, HANDSHAKE_MAX_NANOS);
  }

  /**
   * A server that does not listen yet.
   *
   * @param access who is let in
   * @param tls what TLS is made with, or null if no listener offers it
   */
  public NbdServer(ExportTable table, Access access, TlsServer tls) {
    this(table, access, tls, HANDSHAKE_MAX_NANOS);
  }

  /** A server with another time limit for the handshake. */
  NbdServer(ExportTable table, Access access, TlsServer tls, long handshakeMaxNanos) {
    this.table = table;
    this.access = access;
    this.tls = tls;
    this.clients = new Clients(table, access, tls, handshakeMaxNanos, this::removeUnusedHidden);
  }

  /**
   * Opens all listeners, or none.
   *
   * @throws ErrnoException as the first that can't be opened says
   */
  public void listen(NbdConfiguration configuration) throws ErrnoException {
    List<Endpoint> opened = new ArrayList<>();
    try {
      for (String path : configuration.unix()) {
        ListenerSpec spec = withTls(configuration.spec(path));
        opened.add(
            InheritedSocket.isIt(spec) ? InheritedSocket.open(spec) : UnixListener.open(spec));
      }
      for (String hostAndPort : configuration.tcp()) {
        opened.add(
            TcpListener.open(
                withTls(configuration.spec(hostAndPort)), configuration.allowRemote()));
      }
      for (Endpoint endpoint : opened) {
        startListening(listener(endpoint));
      }
    } catch (ErrnoException e) {
      opened.forEach(NbdServer::closeLogged);
      listeners.forEach(NbdServer::closeLogged);
      listeners.clear();
      throw e;
    }
  }

  /**
   * Until {@link #admit}, listeners are open and addressable, and their clients wait in the kernel.
   */
  public void letClientsWait() {
    synchronized (clients) {
      clientsWait = true;
    }
  }

  /** Takes the clients that have waited, and others as they come. Idempotent. */
  public void admit() {
    synchronized (clients) {
      if (!clientsWait) {
        return;
      }
      clientsWait = false;
      for (Listener listener : listeners) {
        try {
          admit(listener);
        } catch (ErrnoException e) {
          LOG.log(System.Logger.Level.WARNING, e.getMessage());
        }
      }
    }
  }

  private static void admit(Listener listener) throws ErrnoException {
    Endpoint endpoint = listener.endpoint();
    try {
      listener.start();
      LOG.log(System.Logger.Level.INFO, () -> "NBD on " + endpoint.name());
    } catch (IOException e) {
      throw new ErrnoException(
          Errno.EIO, "NBD listener " + endpoint.name() + ": " + e.getMessage(), e);
    }
  }

  private ListenerSpec withTls(ListenerSpec spec) throws ErrnoException {
    if (tls == null && spec.tls() != TlsPolicy.OFF) {
      throw new ErrnoException(
          Errno.EINVAL,
          "NBD listener "
              + spec.text()
              + ": there are no certificates for TLS; set sluice.nbd.tls.dir");
    }
    return spec;
  }

  /** A listener of this server that has not started. */
  Listener listener(Endpoint endpoint) {
    return new Listener(endpoint, this::welcome);
  }

  /** Starts a listener, whose clients wait if all do. */
  void startListening(Listener listener) throws ErrnoException {
    synchronized (clients) {
      listeners.add(listener);
      if (!clientsWait) {
        admit(listener);
      }
    }
  }

  private void welcome(SocketChannel channel, Peer peer, Listener listener) throws IOException {
    AccessRules rules = access.rules();
    boolean mayHaveCertificate = listener.endpoint().spec().tls() != TlsPolicy.OFF;
    if (!(mayHaveCertificate ? rules.mayAdmit(peer) : rules.admits(peer))) {
      throw new IOException(peer.name() + " is not let in by " + rules);
    }
    clients.start(channel, peer, listener, SessionState.fresh());
  }

  /** Goes on with a client of a predecessor, who was let in by one of {@link #listener}. */
  void adopt(SocketChannel channel, Listener listener, SessionState from) {
    listener.enterAdopted();
    try {
      clients.start(channel, listener.endpoint().identify(channel), listener, from);
    } catch (IOException | RuntimeException | Error e) {
      LOG.log(System.Logger.Level.WARNING, "an NBD client is lost", e);
      listener.leave();
      Clients.closeQuietly(channel);
    }
  }

  /** The URIs of an export. */
  public List<String> addresses(String exportName) {
    String encoded = UriText.encodeName(exportName);
    return listeners.stream().map(listener -> listener.endpoint().address(encoded)).toList();
  }

  /** How many clients are served an export now. */
  int clientCount(String exportName) {
    return peers(export -> export.name().equals(exportName)).size();
  }

  /** Who is served some exports now. */
  List<String> peers(Predicate<Export> which) {
    return clients.in(which).stream().map(client -> client.peer().name()).toList();
  }

  /** Takes away the hidden exports that nobody is in any more. */
  void removeUnusedHidden() {
    if (table.hasHidden()) {
      List<Export> used = clients.exports();
      table.removeHidden(export -> used.stream().noneMatch(export::isSame));
    }
  }

  /** The clients connected now, whatever they do. */
  int connectionCount() {
    return clients.connected().size();
  }

  /** What clients and workers have taken from the buffer pools. */
  long takenBytes() {
    return clients.takenBytes();
  }

  /** Runs {@code task} again and again until it is cancelled or the server closed. */
  Future<?> repeat(Runnable task, long delayNanos, long periodNanos) {
    return clients.repeat(task, delayNanos, periodNanos);
  }

  /**
   * Lets the clients of some exports go: their requests under way are finished, new ones answered
   * with ESHUTDOWN, the connections closed. Returns when they are gone, or a bounded time later.
   */
  public void endSessions(Predicate<Export> which) {
    clients.end(clients.in(which));
  }

  /** Cuts the connections of the clients of some exports. */
  void cutSessions(Predicate<Export> which) {
    clients.cut(clients.in(which));
  }

  /** What has come to rest: nothing moves until one of the two ends is called. */
  final class AtRest {
    private final Map<Client, Rest> rests = new LinkedHashMap<>();

    /** The listeners, which have not been closed. */
    List<Listener> listeners() {
      return List.copyOf(listeners);
    }

    /** The clients that are still there, and where each stands. */
    Map<Client, SessionState> clients() {
      Map<Client, SessionState> states = new LinkedHashMap<>();
      rests.forEach(
          (client, rest) -> {
            if (rest.state() != null) {
              states.put(client, rest.state());
            }
          });
      return states;
    }

    /** Somebody else has all the sockets now; this server has none. */
    void give() {
      listeners.clear();
      rests.values().forEach(Rest::give);
    }

    /** All go on as before. */
    void goOn() throws ErrnoException {
      rests.values().forEach(Rest::goOn);
      List<Listener> stopped = List.copyOf(listeners);
      listeners.clear();
      for (Listener listener : stopped) {
        startListening(listener);
      }
    }
  }

  /**
   * Brings all clients and listeners to rest.
   *
   * @param nanos how long requests under way may take to end, and their replies to be sent
   * @throws ErrnoException EAGAIN if they do not; all go on as before then
   */
  AtRest rest(long nanos) throws ErrnoException {
    long deadline = System.nanoTime() + nanos;
    AtRest atRest = new AtRest();
    try {
      for (Listener listener : listeners) {
        listener.rest();
      }
    } catch (IOException e) {
      atRest.goOn();
      throw new ErrnoException(Errno.EAGAIN, "NBD listeners: " + e.getMessage(), e);
    }
    for (Client client : clients.connected()) {
      // The state of a TLS connection can't be handed over: it ends with this server.
      if (!client.isSecured()) {
        atRest.rests.put(client, client.rest());
      }
    }
    List<String> busy = new ArrayList<>();
    atRest.rests.forEach(
        (client, rest) -> {
          if (!rest.await(Math.max(0, deadline - System.nanoTime()))) {
            Export export = client.export();
            busy.add(client.peer().name() + (export == null ? "" : " in " + export.name()));
          }
        });
    if (!busy.isEmpty()) {
      atRest.goOn();
      throw new ErrnoException(
          Errno.EAGAIN,
          "NBD clients have requests or replies under way after "
              + TimeUnit.NANOSECONDS.toMillis(nanos)
              + " ms: "
              + busy
              + "; try again, or disconnect them");
    }
    return atRest;
  }

  /** Stops listening, lets all clients go and removes the socket. Idempotent. */
  @Override
  public void close() {
    table.stop();
    listeners.forEach(NbdServer::closeLogged);
    clients.close();
  }

  private static void closeLogged(AutoCloseable each) {
    try {
      each.close();
    } catch (Exception e) {
      LOG.log(System.Logger.Level.WARNING, "closing an NBD listener", e);
    }
  }
}
