package io.sluice.itests.rules.wrong.registry;

import com.sun.jna.Memory;

/** A native call outside of its package. */
public final class UsesJna {
  Object pointer = new Memory(1);
}
