package io.sluice.itests.rules.wrong.shell.tool;

/** Fine by itself. */
public final class Tool {}
