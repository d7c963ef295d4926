package io.sluice.registry;

import io.sluice.block.ExtentVisitor;

/**
 * Keeps what a visitor throws away from the layer that calls it, which would be blamed for it, and
 * hands it to whoever brought the visitor.
 */
final class GuardedVisitor implements ExtentVisitor {
  private final ExtentVisitor visitor;
  private boolean called;
  private RuntimeException exception;
  private Error error;

  GuardedVisitor(ExtentVisitor visitor) {
    this.visitor = visitor;
  }

  @Override
  public boolean extent(long lengthBytes, int state) {
    if (exception != null || error != null) {
      return false;
    }
    called = true;
    try {
      return visitor.extent(lengthBytes, state);
    } catch (RuntimeException e) {
      exception = e;
    } catch (Error e) {
      error = e;
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
