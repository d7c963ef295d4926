package io.sluice.nbd.server;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.export.RateLimit;
import io.sluice.nbd.codec.NbdLimits;
import io.sluice.nbd.session.Throttle;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** What may be asked for an export beside its device and name. */
final class ExportTerms {
  private ExportTerms() {}

  /**
   * @throws ErrnoException EINVAL for what can't be
   */
  static void check(String name, String description, RateLimit limit, Map<String, String> options)
      throws ErrnoException {
    int descriptionBytes = description.getBytes(StandardCharsets.UTF_8).length;
    if (descriptionBytes > NbdLimits.STRING_MAX_BYTES
        || description.chars().anyMatch(Character::isISOControl)) {
      throw new ErrnoException(
          Errno.EINVAL,
          "export "
              + name
              + ": description of "
              + descriptionBytes
              + " bytes: it must have at most "
              + NbdLimits.STRING_MAX_BYTES
              + " and no control characters");
    }
    long bytesPerSecond = limit.bytesPerSecond();
    if (bytesPerSecond > 0 && bytesPerSecond < Throttle.BYTES_PER_SECOND_MIN) {
      throw new ErrnoException(
          Errno.EINVAL,
          "export "
              + name
              + ": bandwidth of "
              + bytesPerSecond
              + " bytes a second: give at least "
              + Throttle.BYTES_PER_SECOND_MIN
              + ", or 0 for no limit");
    }
    for (String option : options.keySet()) {
      throw new ErrnoException(
          Errno.EINVAL, "export " + name + ": option \"" + option + "\" is not known to kind nbd");
    }
  }
}
