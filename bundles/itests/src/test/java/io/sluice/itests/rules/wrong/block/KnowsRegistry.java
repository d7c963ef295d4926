package io.sluice.itests.rules.wrong.block;

import io.sluice.itests.rules.wrong.registry.UsesOsgi;

/** API that knows a part. */
public final class KnowsRegistry {
  Object part = new UsesOsgi();
}
