package io.sluice.blksnap.osgi;

import io.sluice.blksnap.tracking.BlksnapParameters;
import java.time.Duration;
import java.util.function.UnaryOperator;

/** Reads the kernel's parameters from framework properties {@code sluice.blksnap.<kernel name>}. */
final class ParameterProperties {
  private static final String PREFIX = "sluice.blksnap.";

  /** A page: what the kernel module raises smaller chunks to. */
  private static final int CHUNK_SHIFT_MIN = 12;

  /** As long as a bundle's swap may hold stores, and less than clients' time limits. */
  private static final int COPY_LIMIT_MILLIS = 10_000;

  private static final System.Logger LOG = System.getLogger("io.sluice.blksnap");

  private ParameterProperties() {}

  static BlksnapParameters read(UnaryOperator<String> property) {
    BlksnapParameters d = BlksnapParameters.DEFAULT;
    return new BlksnapParameters(
        read(property, "tracking_block_minimum_shift", d.trackingBlockMinimumShift()),
        read(property, "tracking_block_maximum_shift", d.trackingBlockMaximumShift()),
        read(property, "tracking_block_maximum_count", d.trackingBlockMaximumCount()),
        Math.max(CHUNK_SHIFT_MIN, read(property, "chunk_minimum_shift", d.chunkMinimumShift())),
        read(property, "chunk_maximum_shift", d.chunkMaximumShift()),
        read(property, "chunk_maximum_count_shift", d.chunkMaximumCountShift()),
        read(property, "chunk_map_maximum_count", d.chunkMapMaximumCount()),
        read(property, "diff_storage_minimum", (int) d.diffStorageMinimumSectors()));
  }

  /** How long a write waits for its copy, from {@code sluice.blksnap.copy_limit_ms}. */
  static Duration copyLimit(UnaryOperator<String> property) {
    return Duration.ofMillis(Math.max(1, read(property, "copy_limit_ms", COPY_LIMIT_MILLIS)));
  }

  private static int read(UnaryOperator<String> property, String name, int fallback) {
    String text = property.apply(PREFIX + name);
    if (text == null || text.isBlank()) {
      return fallback;
    }
    try {
      return Integer.parseUnsignedInt(text.strip());
    } catch (NumberFormatException e) {
      LOG.log(
          System.Logger.Level.WARNING,
          PREFIX + name + "=" + text + " is no whole number; " + fallback + " is used");
      return fallback;
    }
  }
}
