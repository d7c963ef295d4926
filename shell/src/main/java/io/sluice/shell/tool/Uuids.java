package io.sluice.shell.tool;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.util.UUID;
import java.util.regex.Pattern;

/** Ids as text, strictly: {@link UUID#fromString} takes {@code 1-1-1-1-1} for one. */
public final class Uuids {
  private static final Pattern FORM =
      Pattern.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}");

  private Uuids() {}

  /**
   * @throws ErrnoException EINVAL if the text is not 8-4-4-4-12 hexadecimal digits
   */
  public static UUID parse(String text) throws ErrnoException {
    if (!FORM.matcher(text).matches()) {
      throw new ErrnoException(
          Errno.EINVAL, "id \"" + text + "\": not a UUID (8-4-4-4-12 hexadecimal digits)");
    }
    return UUID.fromString(text);
  }
}
