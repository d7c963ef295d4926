package io.sluice.registry;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;

/**
 * Makes the links of one registered filter, which have a class of their own: a hidden copy of
 * {@link TailoredLink}, gone with the registration and the chains that use it. Thread-safe.
 */
final class LinkTailor {
  private static final MethodType CONSTRUCTOR =
      MethodType.methodType(void.class, AttachedFilter.class, Link.class, String.class);

  private static final MethodType MAKER = CONSTRUCTOR.changeReturnType(ChainLink.class);

  private static final byte[] TEMPLATE = template();

  private final MethodHandle maker;

  LinkTailor() {
    try {
      MethodHandles.Lookup copy = MethodHandles.lookup().defineHiddenClass(TEMPLATE, true);
      maker = copy.findConstructor(copy.lookupClass(), CONSTRUCTOR).asType(MAKER);
    } catch (IllegalAccessException | NoSuchMethodException e) {
      throw new LinkageError("the class of a filter's links can't be made", e);
    }
  }

  private static byte[] template() {
    String file = TailoredLink.class.getSimpleName() + ".class";
    try (InputStream code = TailoredLink.class.getResourceAsStream(file)) {
      return code.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A filter's place in a chain. */
  ChainLink link(AttachedFilter filter, Link next, String above) {
    try {
      return (ChainLink) maker.invokeExact(filter, next, above);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new LinkageError("the constructor of " + TailoredLink.class + " failed", e);
    }
  }
}
