package io.sluice.itests.rules.wrong.nbd;

/** In no package of the flow. */
public final class Stray {}
