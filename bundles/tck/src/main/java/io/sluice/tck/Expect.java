package io.sluice.tck;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.opentest4j.AssertionFailedError;

/** Comparisons whose failures say what, expected and actual. */
final class Expect {
  private Expect() {}

  /** Something that is expected to be refused. */
  @FunctionalInterface
  interface Action {
    void run() throws Exception;
  }

  static AssertionFailedError failure(String what, Object expected, Object actual) {
    return new AssertionFailedError(
        what + ": expected " + expected + ", but was " + actual, expected, actual);
  }

  static void that(boolean right, String what, Object expected, Object actual) {
    if (!right) {
      throw failure(what, expected, actual);
    }
  }

  static void same(String what, Object expected, Object actual) {
    that(expected.equals(actual), what, expected, actual);
  }

  /**
   * Compares bytes and names the first that differs.
   *
   * @param offsetBytes where the device has the first of them
   */
  static void bytes(String what, long offsetBytes, byte[] expected, byte[] actual) {
    int at = Arrays.mismatch(expected, actual);
    if (at >= 0) {
      throw failure(
          what + ", byte " + (offsetBytes + at),
          at < expected.length ? hex(expected[at]) : "the end",
          at < actual.length ? hex(actual[at]) : "the end");
    }
  }

  private static String hex(byte value) {
    return String.format("0x%02x", value);
  }

  /** Expects an ErrnoException with one of some errnos. */
  static void refused(String what, Set<Errno> errnos, Action action) {
    Object expected = errnos.size() == 1 ? errnos.iterator().next() : "one of " + errnos;
    try {
      action.run();
    } catch (ErrnoException e) {
      that(errnos.contains(e.errno()), what, expected, e.getMessage());
      return;
    } catch (Exception e) {
      throw failure(what, expected, e);
    }
    throw failure(what, expected, "success");
  }

  static void refused(String what, Errno errno, Action action) {
    refused(what, Set.of(errno), action);
  }

  /** Expects that there is nothing in a list of complaints. */
  static void none(String what, List<String> complaints) {
    that(
        complaints.isEmpty(),
        what,
        "none",
        complaints.size() + " times, the first: " + complaints.stream().findFirst().orElse(""));
  }
}
