package io.sluice.itests.rules.wrong.registry;

import io.sluice.itests.rules.wrong.nbd.codec.KnowsServer;

/** A part that knows another. */
public final class KnowsNbd {
  Object part = new KnowsServer();
}
