package io.sluice.nbd.server;

/** What a listener makes of TLS. */
public enum TlsPolicy {
  /** It is not offered. */
  OFF,
  /** Clients may, and exports may ask for it. */
  ALLOWED,
  /** Nothing else is talked about before. */
  REQUIRED
}
