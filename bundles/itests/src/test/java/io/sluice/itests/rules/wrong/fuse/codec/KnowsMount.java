package io.sluice.itests.rules.wrong.fuse.codec;

import io.sluice.itests.rules.wrong.fuse.mount.Later;

/** The first package of the flow, which knows a later one. */
public final class KnowsMount {
  Object later = new Later();
}
