package io.sluice.nbd.server;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.util.Locale;

/**
 * A listener as it is configured: {@code ADDRESS[;tls=off|allowed|required]}.
 *
 * @param text all of it
 * @param address a path, or {@code host:port}
 * @param tls what it makes of TLS
 */
public record ListenerSpec(String text, String address, TlsPolicy tls) {
  private static final String TLS = "tls=";

  /**
   * Reads one.
   *
   * @param otherwise what it makes of TLS if it does not say so
   * @throws ErrnoException EINVAL for what follows the address and is not known
   */
  public static ListenerSpec parse(String text, TlsPolicy otherwise) throws ErrnoException {
    String[] parts = text.split(";", -1);
    TlsPolicy tls = otherwise;
    for (int i = 1; i < parts.length; i++) {
      String part = parts[i].strip();
      try {
        if (!part.startsWith(TLS)) {
          throw new IllegalArgumentException();
        }
        tls = TlsPolicy.valueOf(part.substring(TLS.length()).toUpperCase(Locale.ROOT));
      } catch (IllegalArgumentException e) {
        throw new ErrnoException(
            Errno.EINVAL,
            "NBD listener \""
                + text
                + "\": \""
                + part
                + "\" must be tls=off, tls=allowed or tls=required",
            e);
      }
    }
    return new ListenerSpec(text, parts[0].strip(), tls);
  }
}
