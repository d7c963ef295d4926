package io.sluice.itests.rules.wrong.fuse.mount;

/** Fine by itself. */
public final class Later {}
