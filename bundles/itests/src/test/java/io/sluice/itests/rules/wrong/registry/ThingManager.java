package io.sluice.itests.rules.wrong.registry;

/** A name that says nothing. */
public final class ThingManager {}
