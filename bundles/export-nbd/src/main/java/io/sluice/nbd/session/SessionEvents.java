package io.sluice.nbd.session;

/** What a session tells whoever started it, in its own thread. */
public interface SessionEvents {
  /** The handshake is over. */
  void agreed();

  /**
   * The export that the session was to go on with is gone, or is another one now: each request is
   * answered with ESHUTDOWN until the session is stopped, which is to be done soon.
   */
  void lost();
}
