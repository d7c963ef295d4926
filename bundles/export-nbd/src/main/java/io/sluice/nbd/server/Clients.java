package io.sluice.nbd.server;

import io.sluice.nbd.session.BufferPool;
import io.sluice.nbd.session.Export;
import io.sluice.nbd.session.Session;
import io.sluice.nbd.session.SessionResources;
import io.sluice.nbd.session.SessionState;
import io.sluice.nbd.tls.TlsServer;
import java.io.IOException;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.Semaphore;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Predicate;

/** The clients connected now, their threads, and what they share. Thread-safe. */
final class Clients implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(Clients.class.getPackageName());

  private final ExportTable table;
  private final Access access;
  private final TlsServer tls;
  private final long handshakeMaxNanos;
  private final Runnable onLeft;
  private final Set<Client> connected = ConcurrentHashMap.newKeySet();

  /** Connections of each user and address. */
  private final Map<Object, Integer> counts = new ConcurrentHashMap<>();

  private final ScheduledThreadPoolExecutor watchdog;
  private final ThreadPoolExecutor workers;
  private final SessionResources resources;
  private final Semaphore pollers =
      EagerChannel.pollers(Runtime.getRuntime().availableProcessors());
  private volatile boolean closed;

  /**
   * @param onLeft told each time that a client has gone
   */
  Clients(
      ExportTable table, Access access, TlsServer tls, long handshakeMaxNanos, Runnable onLeft) {
    this.table = table;
    this.access = access;
    this.tls = tls;
    this.handshakeMaxNanos = handshakeMaxNanos;
    this.onLeft = onLeft;
    this.watchdog = new ScheduledThreadPoolExecutor(1, daemons("nbd-watchdog"));
    this.watchdog.setRemoveOnCancelPolicy(true);
    this.workers =
        new ThreadPoolExecutor(
            0,
            NbdServer.WORKERS_MAX,
            30,
            TimeUnit.SECONDS,
            new SynchronousQueue<>(),
            daemons("nbd-worker-"));
    this.resources =
        new SessionResources(
            new BufferPool(NbdServer.CONNECTION_BUFFERS_MAX_BYTES),
            new BufferPool(NbdServer.WORKER_BUFFERS_MAX_BYTES),
            workers,
            System::nanoTime);
  }

  private static ThreadFactory daemons(String name) {
    AtomicLong number = new AtomicLong();
    return task -> {
      Thread thread = new Thread(task, name.endsWith("-") ? name + number.incrementAndGet() : name);
      thread.setDaemon(true);
      return thread;
    };
  }

  /**
   * Serves a client in a thread of its own.
   *
   * @param from where an earlier session stands, or a fresh one
   * @throws IOException if the client is gone already; the caller closes its channel, as for an
   *     Error, which is a thread that could not be made
   */
  void start(SocketChannel channel, Peer peer, Listener listener, SessionState from)
      throws IOException {
    enter(peer);
    Client client = null;
    boolean started = false;
    try {
      client = new Client(this, channel, peer, listener, from);
      connected.add(client);
      Thread thread = new Thread(client, "nbd-client " + peer.name());
      thread.setDaemon(true);
      thread.start();
      started = true;
    } finally {
      if (!started) {
        leave(peer);
        if (client != null) {
          client.agreed();
          client.abort();
          connected.remove(client);
        }
      }
    }
    if (closed) {
      client.abort();
    }
  }

  EagerChannel socket(SocketChannel channel, SessionState from) throws IOException {
    return new EagerChannel(channel, from.unread(), pollers, System::nanoTime);
  }

  private void enter(Peer peer) throws IOException {
    int count = counts.merge(peer.client(), 1, Integer::sum);
    if (count > NbdServer.CONNECTIONS_PER_CLIENT_MAX) {
      leave(peer);
      throw new IOException(
          peer.name()
              + " has "
              + NbdServer.CONNECTIONS_PER_CLIENT_MAX
              + " connections, which is the limit");
    }
  }

  private void leave(Peer peer) {
    counts.computeIfPresent(peer.client(), (key, count) -> count == 1 ? null : count - 1);
  }

  /** What a client sees and may. */
  ClientAccess access(EagerChannel socket, Peer peer, Listener listener) {
    TlsPolicy policy = listener.endpoint().spec().tls();
    return new ClientAccess(
        table,
        access,
        peer,
        policy,
        tls,
        socket,
        resources.connectionBuffers(),
        listener::tellRefused);
  }

  Session session(EagerChannel socket, ClientAccess seen, Client client, SessionState from) {
    return new Session(
        socket, seen.peer().name(), seen, seen, resources, client, from.properties());
  }

  /** How long a client may negotiate. */
  long handshakeMaxNanos() {
    return handshakeMaxNanos;
  }

  /** Does something later, unless it is cancelled or all is closed. */
  Future<?> after(long nanos, Runnable task) {
    return watchdog.schedule(task, nanos, TimeUnit.NANOSECONDS);
  }

  /** Runs {@code task} until it is cancelled or all is closed. */
  Future<?> repeat(Runnable task, long delayNanos, long periodNanos) {
    return watchdog.scheduleWithFixedDelay(task, delayNanos, periodNanos, TimeUnit.NANOSECONDS);
  }

  void left(Client client) {
    connected.remove(client);
    leave(client.peer());
    onLeft.run();
  }

  /** The clients connected now, whatever they do. */
  List<Client> connected() {
    return List.copyOf(connected);
  }

  /** What clients and workers have taken from the buffer pools. */
  long takenBytes() {
    return resources.connectionBuffers().takenBytes() + resources.workerBuffers().takenBytes();
  }

  /** The clients in an export now. */
  List<Client> in(Predicate<Export> which) {
    List<Client> found = new ArrayList<>();
    for (Client client : connected) {
      Export export = client.export();
      if (export != null && which.test(export)) {
        found.add(client);
      }
    }
    return found;
  }

  /** The exports that clients are in now. */
  List<Export> exports() {
    return in(export -> true).stream().map(Client::export).filter(Objects::nonNull).toList();
  }

  /** Lets clients go; returns when they are gone, or a bounded time later. */
  void end(List<Client> ending) {
    ending.forEach(Client::stop);
    List<Client> left = await(ending, NbdServer.FAREWELL_NANOS);
    left.forEach(Client::shutInput);
    cut(await(left, NbdServer.DRAIN_NANOS));
  }

  /** Takes clients' connections away; returns when they are gone, or a bounded time later. */
  void cut(List<Client> ending) {
    ending.forEach(Client::abort);
    List<Client> left = await(ending, NbdServer.FAREWELL_NANOS);
    if (!left.isEmpty()) {
      int count = left.size();
      LOG.log(
          System.Logger.Level.WARNING,
          () -> count + " NBD clients still have a request in a device that does not answer");
    }
  }

  private static List<Client> await(List<Client> ending, long nanos) {
    long deadline = System.nanoTime() + nanos;
    List<Client> left = new ArrayList<>();
    for (Client client : ending) {
      if (!client.awaitGone(Math.max(0, deadline - System.nanoTime()))) {
        left.add(client);
      }
    }
    return left;
  }

  /** Lets all clients go. Idempotent. */
  @Override
  public void close() {
    closed = true;
    end(connected());
    watchdog.shutdownNow();
    workers.shutdown();
  }

  static void closeQuietly(SocketChannel channel) {
    try {
      channel.close();
    } catch (IOException e) {
      LOG.log(System.Logger.Level.DEBUG, () -> "closing a client: " + e);
    }
  }
}
