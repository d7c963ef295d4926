package io.sluice.nbd.server;

import io.sluice.nbd.session.SessionState;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * A client's rest: its thread arrives with the session's state, and is told whether somebody else
 * goes on from there, or it itself.
 */
final class Rest {
  private final CountDownLatch over = new CountDownLatch(1);
  private final CountDownLatch decided = new CountDownLatch(1);
  private volatile SessionState state;
  private volatile boolean given;

  /** The client's thread: all that it did has ended here. */
  boolean arrive(SessionState left) {
    state = left;
    over.countDown();
    boolean interrupted = false;
    while (true) {
      try {
        decided.await();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    return given;
  }

  /** The client's thread: the client has left instead. */
  void leave() {
    over.countDown();
  }

  /** Waits until the thread has arrived or left. */
  boolean await(long nanos) {
    try {
      return over.await(nanos, TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** Where the session stands, or null if the client has left. */
  SessionState state() {
    return state;
  }

  /** Somebody else goes on; the client's thread ends. */
  void give() {
    given = true;
    decided.countDown();
  }

  /** The client's thread goes on, now or when it arrives. */
  void goOn() {
    decided.countDown();
  }
}
