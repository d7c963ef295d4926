package io.sluice.export;

/**
 * How fast the clients of an export may be, all together. Who is faster waits; nothing fails.
 *
 * @param bytesPerSecond data read and written, 0 for any number
 * @param operationsPerSecond requests, 0 for any number
 */
public record RateLimit(long bytesPerSecond, long operationsPerSecond) {
  /** No limit. */
  public static final RateLimit NONE = new RateLimit(0, 0);

  /**
   * @throws IllegalArgumentException for a negative number
   */
  public RateLimit {
    if (bytesPerSecond < 0 || operationsPerSecond < 0) {
      throw new IllegalArgumentException(
          "rate limit of "
              + bytesPerSecond
              + " bytes and "
              + operationsPerSecond
              + " operations a second: neither may be negative");
    }
  }
}
