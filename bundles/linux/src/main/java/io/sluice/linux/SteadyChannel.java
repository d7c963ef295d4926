package io.sluice.linux;

import com.sun.nio.file.ExtendedOpenOption;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.Set;

/**
 * Whole transfers between buffers and positions of a file, through a {@link FileChannel}: it is
 * faster per call than anything by way of JNA.
 *
 * <p>A FileChannel closes, under everybody, when a thread that is inside it or about to enter is
 * interrupted; and whoever interrupts (a shell, a pool, a test runner) does not know what the
 * thread is doing. Here such a channel is opened again and the transfer goes on; the thread finds
 * its interrupt flag as it was. Transfers may run in any number of threads at once and allocate
 * nothing if their buffers are direct.
 */
public final class SteadyChannel implements AutoCloseable {
  /** How often one transfer opens the channel again before it gives up. */
  static final int REOPENS_MAX = 10_000;

  /** Heap buffers go in pieces: the JDK keeps a direct copy of the largest for each thread. */
  static final int HEAP_PIECE_BYTES = 256 << 10;

  private final Path path;
  private final Set<OpenOption> options;
  private final String name;
  private final int alignmentBytes;

  private volatile FileChannel channel;
  private volatile boolean closed;

  /**
   * Opens the channel.
   *
   * @param file names the file, and must stay open longer than this
   * @param name for messages
   * @param writable for reading and writing, else for reading
   * @param directAlignmentBytes 0 for I/O through the page cache; else bypasses it (O_DIRECT), and
   *     offsets, lengths and the addresses of buffers are multiples of this power of two
   * @throws ErrnoException what open(2) reports; ENOTSUP if direct I/O can't be had
   */
  public SteadyChannel(
      ControlDescriptor file, String name, boolean writable, int directAlignmentBytes)
      throws ErrnoException {
    this.path = file.path();
    this.name = name;
    this.alignmentBytes = Math.max(1, directAlignmentBytes);
    Set<OpenOption> wanted = new HashSet<>(EnumSet.of(StandardOpenOption.READ));
    if (writable) {
      wanted.add(StandardOpenOption.WRITE);
    }
    if (directAlignmentBytes > 0) {
      wanted.add(ExtendedOpenOption.DIRECT);
    }
    this.options = Set.copyOf(wanted);
    try {
      this.channel = FileChannel.open(path, options);
    } catch (UnsupportedOperationException e) {
      throw new ErrnoException(Errno.ENOTSUP, "open " + name + " for direct I/O", e);
    } catch (IOException e) {
      throw SystemErrors.failure(e, "open " + name);
    }
  }

  /**
   * Fills {@code data} from its position to its limit.
   *
   * @throws ErrnoException EIO if the file ends before that, and what read(2) reports; ESHUTDOWN
   *     after {@link #close}. Position and bytes of the buffer are undefined then
   */
  public void readFully(long offsetBytes, ByteBuffer data) throws ErrnoException {
    transfer(false, offsetBytes, data);
  }

  /**
   * Stores {@code data} from its position to its limit.
   *
   * @throws ErrnoException what write(2) reports; ESHUTDOWN after {@link #close}. A part may have
   *     been stored then, and the buffer's position is undefined
   */
  public void writeFully(long offsetBytes, ByteBuffer data) throws ErrnoException {
    transfer(true, offsetBytes, data);
  }

  private void transfer(boolean write, long offsetBytes, ByteBuffer data) throws ErrnoException {
    int start = data.position();
    int end = data.limit();
    int reopens = 0;
    int tinyMoves = 0;
    // A flag that is up already would close the channel on entry.
    boolean interrupted = Thread.interrupted();
    try {
      while (data.position() < end) {
        int from = startOfPiece(data, start, end);
        FileChannel used = channel;
        try {
          long at = offsetBytes + (from - start);
          int moved = write ? used.write(data, at) : used.read(data, at);
          tinyMoves = moved < alignmentBytes ? tinyMoves + 1 : 0;
          if (moved <= 0 || tinyMoves > 1) {
            throw stuck(write, offsetBytes, end - start);
          }
        } catch (ClosedChannelException e) {
          interrupted |= Thread.interrupted();
          if (++reopens > REOPENS_MAX) {
            throw e;
          }
          reopen(used);
        }
        data.limit(end);
      }
    } catch (IOException e) {
      throw SystemErrors.failure(e, describe(write, offsetBytes, end - start));
    } finally {
      data.limit(end);
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /**
   * Sets the buffer to what goes next, from what its position says has gone: that is true even when
   * the call that moved it threw. After a short direct transfer a part of a block goes again, as a
   * transfer can't start inside one.
   */
  private int startOfPiece(ByteBuffer data, int start, int end) {
    int from = start + ((data.position() - start) & -alignmentBytes);
    data.position(from);
    if (!data.isDirect()) {
      data.limit(Math.min(end, from + HEAP_PIECE_BYTES));
    }
    return from;
  }

  private ErrnoException stuck(boolean write, long offsetBytes, int lengthBytes)
      throws IOException {
    String what = describe(write, offsetBytes, lengthBytes);
    if (write) {
      return new ErrnoException(Errno.EIO, what + ": the kernel takes no more, and says not why");
    }
    return new ErrnoException(
        Errno.EIO,
        what + ": the file ends before that, at " + sizeText() + "; it was truncated underneath");
  }

  private String sizeText() {
    try {
      return channel.size() + " bytes";
    } catch (IOException e) {
      return "an unknown size (" + e + ")";
    }
  }

  private String describe(boolean write, long offsetBytes, int lengthBytes) {
    return (write ? "write of " : "read of ")
        + lengthBytes
        + " bytes at "
        + offsetBytes
        + " of "
        + name;
  }

  private synchronized void reopen(FileChannel dead) throws IOException {
    if (closed) {
      throw new ErrnoException(Errno.ESHUTDOWN, name + " is closed");
    }
    // Another thread that lost the same channel may have been here already.
    if (channel == dead) {
      channel = FileChannel.open(path, options);
    }
  }

  /**
   * Closes the channel. Transfers under way fail with ESHUTDOWN. Idempotent.
   *
   * @throws ErrnoException what close(2) reports
   */
  @Override
  public synchronized void close() throws ErrnoException {
    closed = true;
    try {
      channel.close();
    } catch (IOException e) {
      throw SystemErrors.failure(e, "close " + name);
    }
  }
}
