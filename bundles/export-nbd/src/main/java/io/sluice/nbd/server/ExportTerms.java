package io.sluice.nbd.server;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.export.ExportRequest;
import io.sluice.nbd.codec.NbdLimits;
import io.sluice.nbd.session.Throttle;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * Who may have an export, beyond being let in at all.
 *
 * @param tlsRequired whether it is to be had through TLS only
 * @param allow whom it is for, or null for anybody
 */
record ExportTerms(boolean tlsRequired, AccessRules allow) {
  /** What holds where nothing was asked for. */
  static final ExportTerms NONE = new ExportTerms(false, null);

  /** What holds for an export that has gone. */
  static final ExportTerms NOBODY = new ExportTerms(true, AccessRules.NOBODY);

  private static final String TLS = "tls";
  private static final String ALLOW = "allow";
  private static final String TLS_REQUIRED = "required";
  private static final String TLS_ALLOWED = "allowed";

  /** Whether this peer may have it. */
  boolean admits(Peer peer) {
    return allow == null || allow.admits(peer);
  }

  /**
   * What was asked for.
   *
   * @throws ErrnoException EINVAL for what can't be
   */
  static ExportTerms of(ExportRequest request) throws ErrnoException {
    String what = "export " + request.name() + ": ";
    checkDescription(what, request.description());
    long bytesPerSecond = request.limit().bytesPerSecond();
    if (bytesPerSecond > 0 && bytesPerSecond < Throttle.BYTES_PER_SECOND_MIN) {
      throw new ErrnoException(
          Errno.EINVAL,
          what
              + "bandwidth of "
              + bytesPerSecond
              + " bytes a second: give at least "
              + Throttle.BYTES_PER_SECOND_MIN
              + ", or 0 for no limit");
    }
    return options(what, request.options());
  }

  private static void checkDescription(String what, String description) throws ErrnoException {
    int descriptionBytes = description.getBytes(StandardCharsets.UTF_8).length;
    if (descriptionBytes > NbdLimits.STRING_MAX_BYTES
        || description.chars().anyMatch(Character::isISOControl)) {
      throw new ErrnoException(
          Errno.EINVAL,
          what
              + "description of "
              + descriptionBytes
              + " bytes: it must have at most "
              + NbdLimits.STRING_MAX_BYTES
              + " and no control characters");
    }
  }

  private static ExportTerms options(String what, Map<String, String> options)
      throws ErrnoException {
    boolean tlsRequired = false;
    AccessRules allow = null;
    for (Map.Entry<String, String> option : options.entrySet()) {
      switch (option.getKey()) {
        case TLS -> {
          tlsRequired = option.getValue().equals(TLS_REQUIRED);
          if (!tlsRequired && !option.getValue().equals(TLS_ALLOWED)) {
            throw new ErrnoException(
                Errno.EINVAL,
                what + "tls \"" + option.getValue() + "\": it must be required or allowed");
          }
        }
        case ALLOW -> allow = AccessRules.parse(option.getValue());
        default ->
            throw new ErrnoException(
                Errno.EINVAL, what + "option \"" + option.getKey() + "\": it must be tls or allow");
      }
    }
    return new ExportTerms(tlsRequired, allow);
  }
}
