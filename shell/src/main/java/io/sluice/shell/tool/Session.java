package io.sluice.shell.tool;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;

/**
 * One caller of commands: where its output goes, where its relative paths start, and whether it is
 * still there. A one-shot call is a session; so is a shell from its first line to its last.
 */
public final class Session {
  private final Path directory;
  private final int widthColumns;
  private final PrintStream out;
  private final PrintStream err;
  private final ClientLink link;

  // Guarded by this.
  private boolean gone;
  private boolean endAsked;
  private Thread waiter;
  private Runnable afterAnswer = () -> {};

  /**
   * @param directory absolute; where relative paths start
   * @param widthColumns of the terminal, 0 for none
   * @param link the client, or null if there is only output
   */
  public Session(
      Path directory, int widthColumns, PrintStream out, PrintStream err, ClientLink link) {
    this.directory = directory;
    this.widthColumns = widthColumns;
    this.out = out;
    this.err = err;
    this.link = link;
  }

  /** The caller's working directory. */
  public Path directory() {
    return directory;
  }

  /** The width of the caller's terminal in columns, 0 for none. */
  public int widthColumns() {
    return widthColumns;
  }

  /** Standard output; flushed when the command ends. */
  public PrintStream out() {
    return out;
  }

  /** Standard error. */
  public PrintStream err() {
    return err;
  }

  /**
   * The client at the other end.
   *
   * @throws ErrnoException ENOTSUP if the caller has none
   */
  public ClientLink link() throws ErrnoException {
    if (link == null) {
      throw new ErrnoException(Errno.ENOTSUP, "this needs a client on the control socket");
    }
    return link;
  }

  /** A path as the caller means it: absolute, and without dots. */
  public String path(String path) {
    return directory.resolve(path).normalize().toString();
  }

  /**
   * Runs something that waits for others. It ends early when the caller goes away or asks for it;
   * only here is the thread ever interrupted, for an interrupt elsewhere would close the files it
   * works on.
   *
   * @throws ErrnoException EINTR if the caller is gone already; what {@code wait} throws
   */
  public <T> T await(Wait<T> wait) throws ErrnoException {
    synchronized (this) {
      if (gone) {
        throw new ErrnoException(Errno.EINTR, "the caller has gone");
      }
      waiter = Thread.currentThread();
    }
    try {
      return wait.call();
    } finally {
      synchronized (this) {
        waiter = null;
        Thread.interrupted();
      }
    }
  }

  /**
   * Begins long work that is not waiting and so must not be interrupted: it asks {@link #goesOn}
   * now and then.
   */
  public synchronized void beginWork() {
    endAsked = false;
  }

  /** Whether the caller is still there, and has asked for no end since {@link #beginWork}. */
  public synchronized boolean goesOn() {
    return !gone && !endAsked;
  }

  /** Ends the wait or the work of the moment, if there is one. */
  public synchronized void interrupt() {
    endAsked = true;
    if (waiter != null) {
      waiter.interrupt();
    }
  }

  /** The caller has gone: ends the wait of the moment and refuses those to come. */
  public synchronized void hangUp() {
    gone = true;
    interrupt();
  }

  /** Whether the caller has gone. */
  public synchronized boolean isGone() {
    return gone;
  }

  /** Tells how far long work has come, if the caller is a client; one that has gone misses it. */
  public void progress(String text) {
    if (link != null) {
      try {
        link.sendProgress(text);
      } catch (IOException e) {
        hangUp();
      }
    }
  }

  /** Keeps an action until the answer is on its way to the caller. */
  public synchronized void afterAnswer(Runnable action) {
    afterAnswer = action;
  }

  /** Runs what {@link #afterAnswer} kept, once. */
  public void answered() {
    Runnable action;
    synchronized (this) {
      action = afterAnswer;
      afterAnswer = () -> {};
    }
    action.run();
  }

  /** Something that waits, and takes an interrupt for an end. */
  @FunctionalInterface
  public interface Wait<T> {
    /** Waits. */
    T call() throws ErrnoException;
  }
}
