package io.sluice.nbd.server;

import io.sluice.nbd.tls.Transport;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.ClosedSelectorException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.util.concurrent.Semaphore;
import java.util.function.LongSupplier;

/**
 * A client's socket whose reader can be woken, and looks for the next request a few times before it
 * sleeps, as long as that pays. A client that sends one request at a time answers each reply within
 * some microseconds, while to let a processor fall asleep and wake it again costs as much or, in a
 * virtual machine, several times that.
 *
 * <p>Polling starts after a number of short waits in a row, goes on while it finds what it waits
 * for, and stops at the first time it does not and has not found enough before; then twice as many
 * short waits are wanted, so a client with another rhythm costs next to nothing. Only some
 * connections poll at a time, and none does on a machine with one processor.
 *
 * <p>The socket does not block: a thread that sleeps in a read of a socket that blocks could only
 * be woken by closing it. One thread reads, and one at a time writes.
 */
final class EagerChannel implements Transport {
  /** How long one search takes at most. */
  static final long POLL_MAX_NANOS = 100_000;

  /** A sleep up to this long, which has the waking up in it, would have been worth a search. */
  static final long SHORT_WAIT_NANOS = 2 * POLL_MAX_NANOS;

  /** A wait up to this long was none: the bytes were there. */
  static final long AT_HAND_NANOS = 5_000;

  /** Short waits in a row before polling starts. */
  static final int SHORT_WAITS_WANTED = 8;

  /** The most that are wanted after searches in vain. */
  static final int SHORT_WAITS_WANTED_MAX = 4096;

  /**
   * Searches in a row that found something, and so have paid for the next one in vain, of which
   * there is always one when another program had the client's processor. Each saved a sleep, which
   * costs from an eighth of the longest search upwards.
   */
  static final int HITS_PAYING = 8;

  private final SocketChannel channel;
  private final ByteBuffer carried;
  private final Semaphore pollers;
  private final LongSupplier nanoClock;
  private final Selector readable;
  private volatile Selector writable;
  private volatile boolean woken;
  private boolean polling;

  /** Whether a read is worth a try before the sleep; as after the last one, so this time. */
  private boolean bytesExpected = true;

  private int shortWaits;
  private int shortWaitsWanted = SHORT_WAITS_WANTED;
  private int hits;

  /**
   * @param channel a socket, registered with no selector
   * @param carried what the client sent before and is read first
   * @param pollers how many connections may poll at a time
   */
  EagerChannel(SocketChannel channel, ByteBuffer carried, Semaphore pollers, LongSupplier nanoClock)
      throws IOException {
    this.channel = channel;
    this.carried = carried;
    this.pollers = pollers;
    this.nanoClock = nanoClock;
    channel.configureBlocking(false);
    readable = selector(SelectionKey.OP_READ);
  }

  /** Half of the processors may be kept awake by clients' rhythm, and never the only one. */
  static Semaphore pollers(int processorCount) {
    return new Semaphore(processorCount / 2);
  }

  private Selector selector(int operation) throws IOException {
    Selector selector = Selector.open();
    try {
      channel.register(selector, operation);
      return selector;
    } catch (IOException | RuntimeException e) {
      selector.close();
      throw e;
    }
  }

  /** Waits for some bytes; by one thread. Returns 0 once {@link #wake} was called and none came. */
  @Override
  public int read(ByteBuffer target) throws IOException {
    if (carried.hasRemaining()) {
      return readCarried(target);
    }
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
    long startNanos = nanoClock.getAsLong();
    int count = bytesExpected || woken ? channel.read(target) : 0;
    while (count == 0 && !woken) {
      await(readable);
      count = channel.read(target);
    }
    long waitedNanos = nanoClock.getAsLong() - startNanos;
    bytesExpected = waitedNanos <= AT_HAND_NANOS;
    learn(waitedNanos);
    return count;
  }

  private int readCarried(ByteBuffer target) {
    int count = Math.min(carried.remaining(), target.remaining());
    target.put(carried.slice(carried.position(), count));
    carried.position(carried.position() + count);
    return count;
  }

  private int poll(ByteBuffer target) throws IOException {
    long startNanos = nanoClock.getAsLong();
    do {
      int count = channel.read(target);
      if (count != 0) {
        hits++;
        return count;
      }
      Thread.onSpinWait();
    } while (nanoClock.getAsLong() - startNanos < POLL_MAX_NANOS);
    polling = hits >= HITS_PAYING;
    shortWaitsWanted =
        polling ? SHORT_WAITS_WANTED : Math.min(2 * shortWaitsWanted, SHORT_WAITS_WANTED_MAX);
    shortWaits = 0;
    hits = 0;
    return 0;
  }

  private void learn(long waitedNanos) {
    shortWaits = waitedNanos <= SHORT_WAIT_NANOS ? shortWaits + 1 : 0;
    if (shortWaits >= shortWaitsWanted) {
      polling = true;
    }
  }

  /** Whether the next read looks before it sleeps. */
  boolean isPolling() {
    return polling;
  }

  private static void ready(SelectionKey key) {
    // There is only one.
  }

  private static void await(Selector selector) throws IOException {
    try {
      selector.select(EagerChannel::ready);
    } catch (ClosedSelectorException e) {
      throw new AsynchronousCloseException();
    }
    // Nobody has reason to interrupt this thread, and a selector never sleeps in one that is.
    Thread.interrupted();
  }

  /** Writes some bytes, waiting for room. By one thread at a time. */
  @Override
  public int write(ByteBuffer source) throws IOException {
    int count = channel.write(source);
    while (count == 0 && source.hasRemaining()) {
      awaitRoom();
      count = channel.write(source);
    }
    return count;
  }

  @Override
  public int writeNow(ByteBuffer source) throws IOException {
    return channel.write(source);
  }

  private void awaitRoom() throws IOException {
    if (writable == null) {
      writable = selector(SelectionKey.OP_WRITE);
      if (!channel.isOpen()) {
        // Whoever closed the channel may not have seen this selector.
        writable.close();
      }
    }
    await(writable);
  }

  /** From now on {@link #read} does not wait. May be called by any thread. */
  void wake() {
    woken = true;
    readable.wakeup();
  }

  /**
   * Lets go of the socket, which stays open. By the reader's thread, when nobody else uses it.
   *
   * @return what was carried and not read
   */
  ByteBuffer release() throws IOException {
    closeSelectors();
    return carried;
  }

  @Override
  public boolean isOpen() {
    return channel.isOpen();
  }

  /** Closes the socket, and wakes whoever waits in it. May be called by any thread. */
  @Override
  public void close() throws IOException {
    channel.close();
    closeSelectors();
  }

  private void closeSelectors() throws IOException {
    readable.close();
    Selector forWriting = writable;
    if (forWriting != null) {
      forWriting.close();
    }
  }
}
