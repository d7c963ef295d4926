package io.sluice.fuse.codec;

/** What the protocol is used up to. */
public final class FuseLimits {
  /** The largest read or write of the kernel, which the mount and INIT tell it. */
  public static final int IO_MAX_BYTES = 1 << 20;

  /** The longest file name, without the closing zero. */
  public static final int NAME_MAX_BYTES = 255;

  /** Requests without a waiting thread that the kernel has under way at the same time. */
  public static final int BACKGROUND_MAX = 24;

  /** From here on the kernel holds back what could wait. */
  public static final int CONGESTION_THRESHOLD = 18;

  /** The oldest protocol that is spoken: 7.31, of Linux 5.4. */
  public static final int MINOR_MIN = 31;

  private FuseLimits() {}
}
