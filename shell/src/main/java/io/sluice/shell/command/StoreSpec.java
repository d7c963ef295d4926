package io.sluice.shell.command;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.shell.tool.Session;
import java.util.Set;

/**
 * Difference storage as users name it, {@code KIND:ARG}.
 *
 * @param kind the kind, such as {@code file}
 * @param argument what follows the colon
 */
public record StoreSpec(String kind, String argument) {
  /** The kinds whose argument is a path, which is relative to the caller's directory. */
  private static final Set<String> PATH_KINDS = Set.of("file", "dir", "blockdev");

  /**
   * @throws ErrnoException EINVAL if a part is missing
   */
  public static StoreSpec parse(String text) throws ErrnoException {
    int colon = text.indexOf(':');
    if (colon < 1 || colon == text.length() - 1) {
      throw new ErrnoException(
          Errno.EINVAL,
          "store \"" + text + "\": give KIND:ARG, such as file:PATH, dir:PATH or blockdev:PATH");
    }
    return new StoreSpec(text.substring(0, colon), text.substring(colon + 1));
  }

  /** The argument as the agent must see it: a path made absolute. */
  String argument(Session session) {
    return PATH_KINDS.contains(kind) ? session.path(argument) : argument;
  }
}
