package io.sluice.nbd.server;

import io.sluice.block.ErrnoException;
import io.sluice.nbd.session.BufferPool;
import io.sluice.nbd.session.Export;
import io.sluice.nbd.session.Session;
import io.sluice.nbd.session.SessionResources;
import java.io.IOException;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.Semaphore;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Predicate;

/**
 * Listens, and gives each client a session and a thread. Everything that a client could pile up is
 * bounded by the constants below. Thread-safe.
 */
public final class NbdServer implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(NbdServer.class.getPackageName());

  /** Clients of one listener at the same time; further ones are closed at once. */
  static final int CONNECTIONS_PER_LISTENER_MAX = 256;

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
  private final long handshakeMaxNanos;
  private final List<Endpoint> endpoints = new ArrayList<>();
  private final Set<Client> clients = ConcurrentHashMap.newKeySet();
  private final ScheduledThreadPoolExecutor watchdog;
  private final ThreadPoolExecutor workers;
  private final SessionResources resources;
  private final Semaphore pollers =
      EagerChannel.pollers(Runtime.getRuntime().availableProcessors());
  private volatile boolean closed;

  /** A server that does not listen yet. */
  public NbdServer(ExportTable table) {
    this(table, HANDSHAKE_MAX_NANOS);
  }

  /** A server with another time limit for the handshake. */
  NbdServer(ExportTable table, long handshakeMaxNanos) {
    this.table = table;
    this.handshakeMaxNanos = handshakeMaxNanos;
    this.watchdog = new ScheduledThreadPoolExecutor(1, daemons("nbd-watchdog"));
    this.watchdog.setRemoveOnCancelPolicy(true);
    this.workers =
        new ThreadPoolExecutor(
            0, WORKERS_MAX, 30, TimeUnit.SECONDS, new SynchronousQueue<>(), daemons("nbd-worker-"));
    this.resources =
        new SessionResources(
            new BufferPool(CONNECTION_BUFFERS_MAX_BYTES),
            new BufferPool(WORKER_BUFFERS_MAX_BYTES),
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
   * Opens all listeners, or none.
   *
   * @throws ErrnoException as the first that can't be opened says
   */
  public void listen(NbdConfiguration configuration) throws ErrnoException {
    try {
      if (configuration.unixSocket() != null) {
        endpoints.add(UnixListener.open(configuration.unixSocket()));
      }
      for (String hostAndPort : configuration.tcp()) {
        endpoints.add(TcpListener.open(hostAndPort, configuration.allowRemote()));
      }
    } catch (ErrnoException e) {
      close();
      throw e;
    }
    for (Endpoint endpoint : endpoints) {
      Acceptor acceptor = new Acceptor(endpoint);
      Thread thread = new Thread(acceptor, "nbd-accept " + endpoint.name());
      thread.setDaemon(true);
      thread.start();
      LOG.log(System.Logger.Level.INFO, () -> "NBD on " + endpoint.name());
    }
  }

  /** The URIs of an export. */
  public List<String> addresses(String exportName) {
    String encoded = UriText.encodeName(exportName);
    return endpoints.stream().map(endpoint -> endpoint.address(encoded)).toList();
  }

  /** The clients that are served an export now. */
  public int clientCount(String exportName) {
    return (int)
        clients.stream()
            .map(client -> client.session.export())
            .filter(export -> export != null && export.name().equals(exportName))
            .count();
  }

  /** The clients connected now, whatever they do. */
  int connectionCount() {
    return clients.size();
  }

  /** What clients and workers have taken from the buffer pools. */
  long takenBytes() {
    return resources.connectionBuffers().takenBytes() + resources.workerBuffers().takenBytes();
  }

  /**
   * Lets the clients of some exports go: their requests under way are finished, new ones answered
   * with ESHUTDOWN, the connections closed. Returns when they are gone, or a bounded time later.
   */
  public void endSessions(Predicate<Export> which) {
    List<Client> ending =
        clients.stream()
            .filter(client -> client.session.export() != null)
            .filter(client -> which.test(client.session.export()))
            .toList();
    end(ending);
  }

  private void end(List<Client> ending) {
    ending.forEach(client -> client.session.stop());
    List<Client> left = await(ending, FAREWELL_NANOS);
    left.forEach(Client::shutInput);
    left = await(left, DRAIN_NANOS);
    left.forEach(client -> client.session.abort());
    left = await(left, FAREWELL_NANOS);
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
      try {
        long leftNanos = Math.max(0, deadline - System.nanoTime());
        if (!client.gone.await(leftNanos, TimeUnit.NANOSECONDS)) {
          left.add(client);
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        left.add(client);
      }
    }
    return left;
  }

  /** Stops listening, lets all clients go and removes the socket. Idempotent. */
  @Override
  public void close() {
    closed = true;
    table.stop();
    for (Endpoint endpoint : endpoints) {
      try {
        endpoint.close();
      } catch (IOException e) {
        LOG.log(System.Logger.Level.WARNING, "closing " + endpoint.name(), e);
      }
    }
    end(List.copyOf(clients));
    watchdog.shutdownNow();
    workers.shutdown();
  }

  /** Takes the clients of one endpoint. */
  private final class Acceptor implements Runnable {
    private final Endpoint endpoint;
    private int connectionCount;
    private boolean fullTold;

    Acceptor(Endpoint endpoint) {
      this.endpoint = endpoint;
    }

    @Override
    public void run() {
      while (!closed) {
        try {
          take(endpoint.accept());
        } catch (IOException e) {
          pauseAfter(e);
        }
      }
    }

    /** The process may be out of descriptors: trying again at once would only burn a core. */
    private void pauseAfter(IOException e) {
      if (closed) {
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
        closeQuietly(channel);
        return;
      }
      try {
        String peer = endpoint.admit(channel);
        new Client(channel, peer, this::leave).start(peer);
      } catch (IOException | RuntimeException | Error e) {
        // An Error here is a thread that could not be made: this client's loss, nobody else's.
        LOG.log(
            System.Logger.Level.WARNING,
            () -> "NBD client on " + endpoint.name() + " refused: " + e.getMessage());
        leave();
        closeQuietly(channel);
      }
    }

    /** Says once that all places are taken, not to each client of a flood. */
    private synchronized boolean tryEnter() {
      if (connectionCount < CONNECTIONS_PER_LISTENER_MAX) {
        connectionCount++;
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
                    + CONNECTIONS_PER_LISTENER_MAX
                    + " connections are in use, further clients are turned away");
      }
      return false;
    }

    private synchronized void leave() {
      connectionCount--;
    }
  }

  /** One client with its thread. */
  private final class Client implements Runnable {
    private final SocketChannel channel;
    private final Session session;
    private final Runnable onGone;
    private final ScheduledFuture<?> deadline;
    private final CountDownLatch gone = new CountDownLatch(1);

    Client(SocketChannel channel, String peer, Runnable onGone) {
      this.channel = channel;
      this.onGone = onGone;
      EagerChannel eager = new EagerChannel(channel, pollers, System::nanoTime);
      this.session = new Session(eager, eager::share, peer, table, resources, this::cancelDeadline);
      this.deadline = watchdog.schedule(session::abort, handshakeMaxNanos, TimeUnit.NANOSECONDS);
    }

    private void cancelDeadline() {
      deadline.cancel(false);
    }

    void start(String peer) {
      clients.add(this);
      Thread thread = new Thread(this, "nbd-client " + peer);
      thread.setDaemon(true);
      try {
        thread.start();
      } catch (RuntimeException | Error e) {
        cancelDeadline();
        clients.remove(this);
        throw e;
      }
      if (closed) {
        session.abort();
      }
    }

    @Override
    public void run() {
      try {
        session.run();
      } finally {
        cancelDeadline();
        clients.remove(this);
        onGone.run();
        gone.countDown();
      }
    }

    /** If it waits for the client it reads the end; if it is being served it is not disturbed. */
    private void shutInput() {
      try {
        channel.shutdownInput();
      } catch (IOException e) {
        session.abort();
      }
    }
  }

  private static void closeQuietly(SocketChannel channel) {
    try {
      channel.close();
    } catch (IOException e) {
      LOG.log(System.Logger.Level.DEBUG, () -> "closing a client: " + e);
    }
  }
}
