package io.sluice.nbd.session;

import java.io.IOException;

/** Told, by the connection's thread, that other threads are about to write to its channel too. */
@FunctionalInterface
public interface BeforeSharing {
  /** May be called more than once. */
  void share() throws IOException;
}
