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
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
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
  static final long DRAIN_NANOS = TimeUnit.SECONDS.toNanos(5);

  private final ExportTable table;
  private final long handshakeMaxNanos;
  private final List<Endpoint> endpoints = new ArrayList<>();
  private final Map<Session, SocketChannel> sessions = new ConcurrentHashMap<>();
  private final ScheduledThreadPoolExecutor watchdog;
  private final ThreadPoolExecutor workers;
  private final SessionResources resources;
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
        sessions.keySet().stream()
            .map(Session::export)
            .filter(export -> export != null && export.name().equals(exportName))
            .count();
  }

  /** The clients connected now, whatever they do. */
  int connectionCount() {
    return sessions.size();
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
    List<Session> ending =
        sessions.keySet().stream()
            .filter(session -> session.export() != null && which.test(session.export()))
            .toList();
    end(ending);
  }

  private void end(List<Session> ending) {
    ending.forEach(Session::stop);
    List<Session> left = await(ending, FAREWELL_NANOS);
    left.forEach(this::shutInput);
    left = await(left, DRAIN_NANOS);
    left.forEach(Session::abort);
    left = await(left, FAREWELL_NANOS);
    if (!left.isEmpty()) {
      int count = left.size();
      LOG.log(
          System.Logger.Level.WARNING,
          () -> count + " NBD clients still have a request in a device that does not answer");
    }
  }

  /** A client that waits reads the end of its stream; one that is being served is not disturbed. */
  private void shutInput(Session session) {
    SocketChannel channel = sessions.get(session);
    try {
      if (channel != null) {
        channel.shutdownInput();
      }
    } catch (IOException e) {
      session.abort();
    }
  }

  private static List<Session> await(List<Session> ending, long nanos) {
    long deadline = System.nanoTime() + nanos;
    List<Session> left = new ArrayList<>();
    for (Session session : ending) {
      try {
        if (!session.awaitEnd(Math.max(0, deadline - System.nanoTime()))) {
          left.add(session);
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        left.add(session);
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
    end(List.copyOf(sessions.keySet()));
    watchdog.shutdownNow();
    workers.shutdown();
  }

  /** Takes the clients of one endpoint. */
  private final class Acceptor implements Runnable {
    private final Endpoint endpoint;
    private int connectionCount;

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

    private void take(SocketChannel client) {
      try {
        String peer = endpoint.admit(client);
        enter();
        try {
          start(client, peer);
        } catch (RuntimeException | Error e) {
          leave();
          throw e;
        }
      } catch (IOException | RuntimeException | Error e) {
        // An Error here is a thread that could not be made: this client's loss, nobody else's.
        LOG.log(
            System.Logger.Level.WARNING,
            () -> "NBD client on " + endpoint.name() + " refused: " + e.getMessage());
        closeQuietly(client);
      }
    }

    private void start(SocketChannel client, String peer) {
      ScheduledFuture<?> deadline =
          watchdog.schedule(() -> closeQuietly(client), handshakeMaxNanos, TimeUnit.NANOSECONDS);
      Session session = new Session(client, peer, table, resources, () -> deadline.cancel(false));
      sessions.put(session, client);
      Runnable life =
          () -> {
            try {
              session.run();
            } finally {
              deadline.cancel(false);
              sessions.remove(session);
              leave();
            }
          };
      Thread thread = new Thread(life, "nbd-client " + peer);
      thread.setDaemon(true);
      try {
        thread.start();
      } catch (Error e) {
        deadline.cancel(false);
        sessions.remove(session);
        throw e;
      }
      if (closed) {
        session.abort();
      }
    }

    private synchronized void enter() throws IOException {
      if (connectionCount == CONNECTIONS_PER_LISTENER_MAX) {
        throw new IOException("there are " + connectionCount + " clients already");
      }
      connectionCount++;
    }

    private synchronized void leave() {
      connectionCount--;
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
