package io.sluice.nbd.server;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.SocketChannel;
import java.util.concurrent.Semaphore;
import java.util.function.LongSupplier;

/**
 * A client's socket whose reader looks for the next request a few times before it sleeps, as long
 * as that pays. A client that sends one request at a time answers each reply within some
 * microseconds, while to let a processor fall asleep and wake it again costs as much or, in a
 * virtual machine, several times that.
 *
 * <p>Polling starts after a number of short waits in a row, goes on while it finds what it waits
 * for, and stops at the first time it does not; then twice as many short waits are wanted, so a
 * client with another rhythm costs next to nothing. Only some connections poll at a time, and none
 * does on a machine with one processor.
 *
 * <p>While it polls the socket does not block, and a single thread writes to it. {@link #share}
 * ends polling for good, before other threads write.
 */
final class EagerChannel implements ByteChannel {
  /** How long one search takes at most. */
  static final long POLL_MAX_NANOS = 100_000;

  /** A sleep up to this long, which has the waking up in it, would have been worth a search. */
  static final long SHORT_WAIT_NANOS = 2 * POLL_MAX_NANOS;

  /** Short waits in a row before polling starts. */
  static final int SHORT_WAITS_WANTED = 8;

  /** The most that are wanted after searches in vain. */
  static final int SHORT_WAITS_WANTED_MAX = 4096;

  /** Searches in a row that found something, after which earlier ones in vain are forgotten. */
  private static final int HITS_FORGIVING = 256;

  private final SocketChannel channel;
  private final Semaphore pollers;
  private final LongSupplier nanoClock;
  private boolean blocking = true;
  private boolean shared;
  private boolean polling;
  private int shortWaits;
  private int shortWaitsWanted = SHORT_WAITS_WANTED;
  private int hits;

  /**
   * @param channel a socket that blocks
   * @param pollers how many connections may poll at a time
   */
  EagerChannel(SocketChannel channel, Semaphore pollers, LongSupplier nanoClock) {
    this.channel = channel;
    this.pollers = pollers;
    this.nanoClock = nanoClock;
  }

  /** Half of the processors may be kept awake by clients' rhythm, and never the only one. */
  static Semaphore pollers(int processorCount) {
    return new Semaphore(processorCount / 2);
  }

  /** Waits for some bytes; by one thread. */
  @Override
  public int read(ByteBuffer target) throws IOException {
    if (polling && pollers.tryAcquire()) {
      try {
        int count = poll(target);
        if (count != 0) {
          return count;
        }
      } finally {
        pollers.release();
      }
    }
    setBlocking(true);
    long startNanos = nanoClock.getAsLong();
    int count = channel.read(target);
    learn(nanoClock.getAsLong() - startNanos);
    return count;
  }

  private int poll(ByteBuffer target) throws IOException {
    setBlocking(false);
    long startNanos = nanoClock.getAsLong();
    do {
      int count = channel.read(target);
      if (count != 0) {
        if (++hits >= HITS_FORGIVING) {
          shortWaitsWanted = SHORT_WAITS_WANTED;
        }
        return count;
      }
      Thread.onSpinWait();
    } while (nanoClock.getAsLong() - startNanos < POLL_MAX_NANOS);
    shortWaitsWanted = Math.min(2 * shortWaitsWanted, SHORT_WAITS_WANTED_MAX);
    rest();
    return 0;
  }

  private void learn(long waitedNanos) {
    shortWaits = waitedNanos <= SHORT_WAIT_NANOS ? shortWaits + 1 : 0;
    if (shortWaits >= shortWaitsWanted && !shared) {
      polling = true;
    }
  }

  private void rest() {
    polling = false;
    shortWaits = 0;
    hits = 0;
  }

  private void setBlocking(boolean wanted) throws IOException {
    if (blocking != wanted) {
      channel.configureBlocking(wanted);
      blocking = wanted;
    }
  }

  /** Writes some bytes, waiting for room. By the reader's thread alone, until {@link #share}. */
  @Override
  public int write(ByteBuffer source) throws IOException {
    int count = channel.write(source);
    if (count == 0 && source.hasRemaining() && !shared) {
      rest();
      setBlocking(true);
      count = channel.write(source);
    }
    return count;
  }

  /** Other threads will write too. Called by the reader's thread before they do. */
  void share() throws IOException {
    shared = true;
    rest();
    setBlocking(true);
  }

  @Override
  public boolean isOpen() {
    return channel.isOpen();
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
