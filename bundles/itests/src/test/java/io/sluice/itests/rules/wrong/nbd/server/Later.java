package io.sluice.itests.rules.wrong.nbd.server;

/** Fine by itself. */
public final class Later {}
