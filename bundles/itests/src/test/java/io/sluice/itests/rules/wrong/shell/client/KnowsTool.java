package io.sluice.itests.rules.wrong.shell.client;

import io.sluice.itests.rules.wrong.shell.tool.Tool;

/** A client that needs more than the platform. */
public final class KnowsTool {
  Object tool = new Tool();
}
