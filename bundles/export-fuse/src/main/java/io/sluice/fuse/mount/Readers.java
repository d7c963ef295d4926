package io.sluice.fuse.mount;

import io.sluice.block.ErrnoException;
import io.sluice.fuse.session.RequestMemory;
import io.sluice.fuse.session.Session;
import io.sluice.linux.fuse.FuseDescriptor;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;

/**
 * The threads of one mount. A few serve devices that answer from memory. Where devices wait, there
 * is one more as soon as none is left to take the next request, so the device sees its clients'
 * queue depth; and where none comes back within a tick, so that a device that hangs does not keep
 * the others. Thread-safe.
 */
final class Readers {
  /** Threads of a mount at most: more than the kernel sends without a waiting thread. */
  static final int THREADS_MAX = 32;

  /** Threads that stay when there is less to do. */
  private static final int IDLE_MAX = 4;

  /** After this without a served request, with all threads busy, there is one more. */
  private static final long TICK_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  private final String name;
  private final FuseDescriptor first;
  private final MemoryPool pool;
  private final Function<RequestMemory, Session> sessions;
  private final Runnable onDisconnected;
  private final AtomicInteger idleCount = new AtomicInteger();
  private final List<Reader> running = new ArrayList<>();
  private final Thread watch;
  private volatile boolean watching;
  private volatile boolean leaving;
  private volatile int runningCount;
  private int madeCount;

  /**
   * @param name of the mount, for the threads' names
   * @param first the connection's first descriptor, which stays the caller's
   * @param onDisconnected called by the last thread if the connection ended by itself
   */
  Readers(
      String name,
      FuseDescriptor first,
      MemoryPool pool,
      Function<RequestMemory, Session> sessions,
      Runnable onDisconnected) {
    this.name = name;
    this.first = first;
    this.pool = pool;
    this.sessions = sessions;
    this.onDisconnected = onDisconnected;
    this.watch = new Thread(this::watch, "fuse-watch-" + name);
    watch.setDaemon(true);
  }

  /**
   * Starts.
   *
   * @param memory for the first thread; further ones are taken from the pool as far as it has some
   */
  void start(RequestMemory memory, int threadCount) {
    synchronized (this) {
      startOne(memory);
    }
    for (int i = 1; i < threadCount; i++) {
      add();
    }
    watch.start();
  }

  /** One more thread, if there may be one. */
  private synchronized void add() {
    if (leaving || runningCount == 0 || runningCount >= THREADS_MAX) {
      return;
    }
    RequestMemory memory = pool.tryTake();
    if (memory != null) {
      startOne(memory);
    }
  }

  private void startOne(RequestMemory memory) {
    Reader reader = new Reader(this, descriptor(), memory, sessions.apply(memory));
    running.add(reader);
    runningCount = running.size();
    Thread thread = new Thread(reader, "fuse-" + name + "-" + ++madeCount);
    thread.setDaemon(true);
    thread.start();
  }

  private FuseDescriptor descriptor() {
    if (running.isEmpty()) {
      return first;
    }
    try {
      return first.cloned();
    } catch (ErrnoException e) {
      // One descriptor serves all as well, a little slower.
      return first;
    }
  }

  /** A thread is about to wait for a request; false if it is to end instead. */
  boolean rest() {
    if (leaving || (idleCount.get() >= IDLE_MAX && runningCount > IDLE_MAX)) {
      return false;
    }
    idleCount.incrementAndGet();
    return true;
  }

  /** A thread waits no more; how many others still do. */
  int woke() {
    return idleCount.decrementAndGet();
  }

  /** The last idle thread got a request. */
  void noneIdle(boolean slow) {
    if (slow) {
      add();
    } else if (!watching) {
      watching = true;
      LockSupport.unpark(watch);
    }
  }

  private void watch() {
    while (!leaving) {
      if (!watching) {
        LockSupport.park(this);
        continue;
      }
      long before = servedCount();
      LockSupport.parkNanos(this, TICK_NANOS);
      if (idleCount.get() > 0) {
        watching = false;
      } else if (servedCount() == before) {
        add();
      }
    }
  }

  private synchronized long servedCount() {
    long sum = 0;
    for (Reader reader : running) {
      sum += reader.servedCount();
    }
    return sum;
  }

  /** A thread ends. */
  void ended(Reader reader, boolean connected) {
    boolean last;
    synchronized (this) {
      running.remove(reader);
      runningCount = running.size();
      last = running.isEmpty();
      if (reader.descriptor() != first) {
        reader.descriptor().close();
      }
      pool.give(reader.memory());
      notifyAll();
    }
    if (last && !connected && !leaving) {
      leave();
      onDisconnected.run();
    }
  }

  /** From now on each thread ends after the request that it serves. */
  void leave() {
    leaving = true;
    LockSupport.unpark(watch);
  }

  /** Waits until all threads have ended; false if some have not in time. */
  synchronized boolean awaitEnd(long limitNanos) throws InterruptedException {
    long deadline = System.nanoTime() + limitNanos;
    while (!running.isEmpty()) {
      long leftMillis = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
      if (leftMillis <= 0) {
        return false;
      }
      wait(leftMillis);
    }
    return true;
  }

  /** Whether a thread is left. */
  boolean anyRunning() {
    return runningCount > 0;
  }

  /** Ends the descriptors under threads that are stuck. */
  synchronized void abandon() {
    for (Reader reader : running) {
      reader.descriptor().abandon();
    }
  }
}
