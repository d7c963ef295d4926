package io.sluice.trace.recorder;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.trace.format.TraceFormat;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;

/**
 * A trace's file and the thread that writes it. Whoever has a record puts it into a ring and never
 * waits: what the file is too slow, too full or too broken for is counted as dropped.
 */
final class TraceFile {
  private enum State {
    OPENING,
    OPEN,
    /** The limit is reached; the file is whole. */
    FULL,
    FAILED,
    CLOSED
  }

  private static final System.Logger LOG = System.getLogger("io.sluice.trace");

  /** How many files of one name and a number are tried. */
  private static final int NUMBER_MAX = 9999;

  private static final int WRITE_MAX_BYTES = 1 << 20;

  /** How long a record may lie in the ring if nothing wakes the writer. */
  private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

  private final Path wanted;
  private final TraceSink sink;
  private final long limitBytes;
  private final RecordRing ring;
  private final LongSupplier sinceBeginNanos;
  private final LongAdder droppedCount = new LongAdder();
  private final CountDownLatch opened = new CountDownLatch(1);
  private final CountDownLatch ended = new CountDownLatch(1);

  private Thread writer;
  private volatile boolean parked;
  private volatile boolean closing;
  private volatile boolean accepting;

  // Written by the writer under this object's lock.
  private State state = State.OPENING;
  private String reason = "";
  private Path path;
  private long writtenBytes;
  private long bioCount;

  private FileChannel channel;

  /**
   * @param wanted where the file is to be, which is made anew; absolute
   * @param limitBytes the most bytes of the file
   * @param sinceBeginNanos the trace's clock
   */
  TraceFile(
      Path wanted, TraceSink sink, long limitBytes, RecordRing ring, LongSupplier sinceBeginNanos) {
    this.wanted = wanted;
    this.path = wanted;
    this.sink = sink;
    this.limitBytes = limitBytes;
    this.ring = ring;
    this.sinceBeginNanos = sinceBeginNanos;
  }

  /**
   * Makes the file, in the writer's thread: the caller holds a device still, and the file system
   * may be one that waits for that device.
   *
   * @throws ErrnoException ENOENT, EACCES, EEXIST, EIO; ETIMEDOUT if it takes longer than the limit
   */
  void start(ThreadFactory threads, String threadName, long limitNanos) throws ErrnoException {
    writer = threads.newThread(this::run);
    writer.setName(threadName);
    writer.setDaemon(true);
    writer.start();
    boolean inTime = await(opened, limitNanos);
    synchronized (this) {
      if (!inTime || state == State.OPENING) {
        closing = true;
        throw new ErrnoException(
            Errno.ETIMEDOUT, "trace file " + wanted + ": it could not be made in time");
      }
      if (state == State.FAILED) {
        throw new ErrnoException(openErrno, "trace file " + path + ": " + reason);
      }
    }
  }

  private Errno openErrno = Errno.EIO;

  /** Waits uninterruptibly; the flag of an interrupt is kept. */
  private static boolean await(CountDownLatch latch, long limitNanos) {
    boolean interrupted = false;
    long deadline = System.nanoTime() + limitNanos;
    try {
      while (true) {
        try {
          return latch.await(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /**
   * Claims room for a record. Never waits.
   *
   * @return its index in {@link #bytes}, to be filled in and committed; or -1: the bio is dropped
   */
  int claim(int recordBytes) {
    int index = accepting ? ring.claim(recordBytes) : -1;
    if (index < 0) {
      droppedCount.increment();
    }
    return index;
  }

  ByteBuffer bytes() {
    return ring.bytes();
  }

  /** The longest record that is not dropped for its length. */
  int recordMaxBytes() {
    return ring.recordMaxBytes();
  }

  void commit(int index, int recordBytes) {
    ring.commit(index, recordBytes);
    if (parked && ring.usedBytes() > ring.recordMaxBytes() / 2) {
      LockSupport.unpark(writer);
    }
  }

  private void run() {
    try {
      open();
      opened.countDown();
      boolean last;
      do {
        last = closing;
        drain();
        if (!last) {
          parked = true;
          LockSupport.parkNanos(this, POLL_NANOS);
          parked = false;
        }
      } while (!last);
    } catch (IOException e) {
      fail(e);
      drain();
    } finally {
      accepting = false;
      opened.countDown();
      finish();
      ended.countDown();
    }
  }

  private void open() throws IOException {
    for (int number = 0; channel == null; number++) {
      Path candidate =
          number == 0 ? wanted : wanted.resolveSibling(wanted.getFileName() + "." + number);
      try {
        channel =
            FileChannel.open(
                candidate,
                Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        synchronized (this) {
          path = candidate;
        }
      } catch (FileAlreadyExistsException e) {
        if (number == NUMBER_MAX) {
          throw e;
        }
      }
    }
    write(sink.begin());
    synchronized (this) {
      state = State.OPEN;
    }
    accepting = true;
  }

  private void write(ByteBuffer bytes) throws IOException {
    long written = bytes.remaining();
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
    synchronized (this) {
      writtenBytes += written;
    }
  }

  /** Writes what is in the ring, or lets it go where the file takes no more. */
  private void drain() {
    ByteBuffer records = ring.committed(WRITE_MAX_BYTES);
    while (records.hasRemaining()) {
      int takenBytes = records.remaining();
      int count = countOf(records);
      try {
        if (accepting && store(records)) {
          synchronized (this) {
            bioCount += count;
          }
        } else {
          droppedCount.add(count);
        }
      } catch (IOException e) {
        fail(e);
        droppedCount.add(count);
      }
      ring.take(takenBytes);
      records = ring.committed(WRITE_MAX_BYTES);
    }
    synchronized (this) {
      notifyAll();
    }
  }

  private static int countOf(ByteBuffer records) {
    int count = 0;
    for (int at = 0; at < records.limit(); count++) {
      at += records.getInt(at + TraceFormat.AT_RECORD_BYTES);
    }
    return count;
  }

  /** Stores records, or finds that they do not fit any more, and then none does. */
  private boolean store(ByteBuffer records) throws IOException {
    ByteBuffer bytes = sink.encode(records);
    // Room is kept for what ends the file.
    if (writtenBytes + bytes.remaining() + TraceFormat.RECORD_BYTES > limitBytes) {
      accepting = false;
      synchronized (this) {
        state = State.FULL;
        reason = "the limit of " + limitBytes + " bytes is reached";
      }
      LOG.log(System.Logger.Level.WARNING, "trace file {0} is full: {1}", path, reason);
      return false;
    }
    write(bytes);
    return true;
  }

  private void fail(IOException failure) {
    accepting = false;
    Errno errno = Errno.EIO;
    if (failure instanceof NoSuchFileException) {
      errno = Errno.ENOENT;
    } else if (failure instanceof AccessDeniedException) {
      errno = Errno.EACCES;
    } else if (failure instanceof FileAlreadyExistsException) {
      errno = Errno.EEXIST;
    }
    synchronized (this) {
      openErrno = errno;
      if (state == State.OPEN) {
        LOG.log(
            System.Logger.Level.WARNING,
            "trace file " + path + " can't be written, and the trace ends: " + failure);
      }
      state = State.FAILED;
      reason = failure.toString();
    }
  }

  private void finish() {
    if (channel == null) {
      return;
    }
    try (FileChannel closed = channel) {
      boolean failed;
      synchronized (this) {
        failed = state == State.FAILED;
      }
      if (!failed) {
        ByteBuffer end = sink.end(bioCount, droppedCount.sum(), sinceBeginNanos.getAsLong());
        while (end.hasRemaining()) {
          closed.write(end);
        }
        synchronized (this) {
          state = State.CLOSED;
        }
      }
    } catch (IOException e) {
      fail(e);
    }
  }

  /**
   * Waits until what was put in before is in the file, or let go.
   *
   * @return whether that came true in time
   */
  boolean sync(long limitNanos) {
    long wantedTo = ring.claimedTo();
    long deadline = System.nanoTime() + limitNanos;
    LockSupport.unpark(writer);
    synchronized (this) {
      while (ring.takenTo() < wantedTo && ended.getCount() > 0) {
        long leftMillis = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
        if (leftMillis <= 0) {
          return false;
        }
        try {
          wait(leftMillis);
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          return false;
        }
      }
    }
    return true;
  }

  /** Ends the file. What takes longer than the limit is done by the writer's thread alone. */
  void close(long limitNanos) {
    closing = true;
    LockSupport.unpark(writer);
    await(ended, limitNanos);
  }

  synchronized Map<String, Object> describe() {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("file", path.toString());
    values.put("file_state", state.name().toLowerCase(Locale.ROOT));
    values.put("file_bytes", writtenBytes);
    values.put("file_bios", bioCount);
    values.put("file_dropped", droppedCount.sum());
    if (!reason.isEmpty()) {
      values.put("file_reason", reason);
    }
    return values;
  }
}
