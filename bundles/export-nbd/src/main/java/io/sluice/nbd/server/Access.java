package io.sluice.nbd.server;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.util.Map;

/**
 * Who is let in at all. May be changed while clients are connected, and holds for the next ones.
 * Thread-safe.
 */
public final class Access {
  private static final String ALLOW = "allow";

  private final AccessRules usual;
  private volatile AccessRules rules;

  /**
   * @param usual rules that hold until others are configured; null for the agent's own user and
   *     root on unix sockets, and this machine on TCP
   * @throws ErrnoException EINVAL for what is no rule
   */
  public Access(String usual) throws ErrnoException {
    this.usual = AccessRules.parse(usual == null ? AccessRules.DEFAULT : usual);
    this.rules = this.usual;
  }

  /** One with the usual rules. */
  static Access usual() {
    try {
      return new Access(null);
    } catch (ErrnoException e) {
      throw new IllegalStateException(e);
    }
  }

  AccessRules rules() {
    return rules;
  }

  /** What {@link #configure} takes. */
  Map<String, String> options() {
    return Map.of(ALLOW, rules.toString());
  }

  /**
   * Changes the rules.
   *
   * @param options {@code allow} with rules, or nothing for the usual ones
   * @throws ErrnoException EINVAL for another option, or what is no rule; nothing has changed then
   */
  void configure(Map<String, String> options) throws ErrnoException {
    for (String option : options.keySet()) {
      if (!option.equals(ALLOW)) {
        throw new ErrnoException(
            Errno.EINVAL, "option \"" + option + "\" of all NBD exports: there is only " + ALLOW);
      }
    }
    String asked = options.get(ALLOW);
    rules = asked == null ? usual : AccessRules.parse(asked);
  }
}
