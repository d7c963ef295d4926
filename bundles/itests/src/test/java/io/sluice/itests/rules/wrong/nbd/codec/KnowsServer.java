package io.sluice.itests.rules.wrong.nbd.codec;

import io.sluice.itests.rules.wrong.nbd.server.Later;

/** The first package of the flow, which knows a later one. */
public final class KnowsServer {
  Object later = new Later();
}
