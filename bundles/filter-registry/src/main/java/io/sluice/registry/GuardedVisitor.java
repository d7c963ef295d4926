package io.sluice.registry;

import io.sluice.block.ExtentVisitor;

/**
 * Keeps what a visitor throws away from the layer that calls it, which would be blamed for it, and
 * hands it to whoever brought the visitor.
 */
final class GuardedVisitor implements ExtentVisitor {
  private final ExtentVisitor visitor;
  private final Call call;
  private final Thread thread = Thread.currentThread();
  private boolean called;
  private RuntimeException exception;
  private Error error;

  /**
   * @param call of the filter that it is for, whose time the visitor's does not count as; null if
   *     it is for no filter
   */
  GuardedVisitor(ExtentVisitor visitor, Call call) {
    this.visitor = visitor;
    this.call = call;
  }

  @Override
  public boolean extent(long lengthBytes, int state) {
    if (lengthBytes < 1 || Thread.currentThread() != thread) {
      throw new IllegalArgumentException(
          "an extent of " + lengthBytes + " bytes, told in thread " + Thread.currentThread());
    }
    if (exception != null || error != null || (call != null && !call.goBelow())) {
      return false;
    }
    called = true;
    try {
      return visitor.extent(lengthBytes, state);
    } catch (RuntimeException e) {
      exception = e;
    } catch (Error e) {
      error = e;
    } finally {
      if (call != null) {
        call.comeBack();
      }
    }
    return false;
  }

  /** Whether the visitor has been told anything. */
  boolean called() {
    return called;
  }

  /** Throws what the visitor threw, if it did. */
  void rethrow() {
    if (exception != null) {
      throw exception;
    }
    if (error != null) {
      throw error;
    }
  }
}
