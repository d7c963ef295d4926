package io.sluice.trace.format;

import io.sluice.block.BioOp;

/** The trace as fio's {@code read_iolog} takes it, version 3: when, on what, how and where. */
public final class FioLog {
  /** fio's manual does not say it, but it writes and reads microseconds. */
  private static final long NANOS_A_TICK = 1_000;

  private final String name;
  private final StringBuilder text = new StringBuilder(96);

  /**
   * @param name the file that fio is to use; {@code --replay_redirect} gives another
   */
  public FioLog(String name) {
    this.name = name;
  }

  /** The lines before the first bio. */
  public CharSequence begin() {
    return "fio version 3 iolog\n0 " + name + " add\n0 " + name + " open\n";
  }

  /**
   * A completed bio's line. Valid until the next call.
   *
   * @param startNanos since the trace began
   */
  public CharSequence line(long startNanos, BioOp op, long offsetBytes, long lengthBytes) {
    String action =
        switch (op) {
          case READ -> "read";
          case WRITE, WRITE_ZEROES -> "write";
          case FLUSH -> "sync";
          case DISCARD -> "trim";
        };
    text.setLength(0);
    text.append(startNanos / NANOS_A_TICK).append(' ').append(name).append(' ');
    return text.append(action)
        .append(' ')
        .append(offsetBytes)
        .append(' ')
        .append(lengthBytes)
        .append('\n');
  }

  /**
   * The line after the last bio.
   *
   * @param endNanos since the trace began
   */
  public CharSequence end(long endNanos) {
    return endNanos / NANOS_A_TICK + " " + name + " close\n";
  }
}
