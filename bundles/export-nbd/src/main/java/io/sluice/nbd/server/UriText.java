package io.sluice.nbd.server;

import java.nio.charset.StandardCharsets;

/** Percent-encodes names for NBD URIs. */
final class UriText {
  private static final String UNRESERVED =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

  private UriText() {}

  /** An export's name. '@' may stand in a path as it is, and ours have it. */
  static String encodeName(String name) {
    return encode(name, UNRESERVED + "@");
  }

  /** A file's path in a query. */
  static String encodePath(String path) {
    return encode(path, UNRESERVED + "/");
  }

  private static String encode(String text, String plain) {
    StringBuilder encoded = new StringBuilder();
    for (byte each : text.getBytes(StandardCharsets.UTF_8)) {
      if (plain.indexOf(each) >= 0) {
        encoded.append((char) each);
      } else {
        encoded.append(String.format("%%%02X", each & 0xff));
      }
    }
    return encoded.toString();
  }
}
