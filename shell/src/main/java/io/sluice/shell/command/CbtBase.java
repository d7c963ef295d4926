package io.sluice.shell.command;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.shell.tool.Uuids;
import java.util.UUID;

/**
 * An earlier snapshot as change tracking names it, {@code GENERATION:NUMBER}.
 *
 * @param generationId of the earlier snapshot
 * @param changesNumber of the earlier snapshot, 0 to 255
 */
public record CbtBase(UUID generationId, int changesNumber) {
  private static final int CHANGES_NUMBER_MAX = 255;

  /**
   * @throws ErrnoException EINVAL for anything else
   */
  public static CbtBase parse(String text) throws ErrnoException {
    int colon = text.lastIndexOf(':');
    try {
      if (colon > 0) {
        UUID generation = Uuids.parse(text.substring(0, colon));
        int number = Integer.parseInt(text.substring(colon + 1));
        if (number >= 0 && number <= CHANGES_NUMBER_MAX) {
          return new CbtBase(generation, number);
        }
      }
    } catch (NumberFormatException | ErrnoException e) {
      // Told below, like the other ways to be wrong.
    }
    throw new ErrnoException(
        Errno.EINVAL,
        "base \"" + text + "\": give GENERATION:NUMBER, an id and 0 to " + CHANGES_NUMBER_MAX);
  }
}
