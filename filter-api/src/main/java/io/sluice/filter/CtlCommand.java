package io.sluice.filter;

import io.sluice.block.ErrnoException;
import java.util.List;

/**
 * A control command that a filter declares.
 *
 * @param name as it is typed
 * @param parameters its arguments, in the order they are taken without a name
 * @param help one line that says what it does and what it answers
 */
public record CtlCommand(String name, List<Parameter> parameters, String help) {
  /** Copies the parameters. */
  public CtlCommand {
    parameters = List.copyOf(parameters);
  }

  /**
   * Reads the words after the command: {@code name=value}, or values in the parameters' order.
   *
   * @throws ErrnoException EINVAL for a name that is not declared, a value of the wrong type, one
   *     too many, or a required one that is missing; the message lists the parameters
   */
  public Arguments arguments(List<String> words) throws ErrnoException {
    return Arguments.ofWords("command " + name, parameters, words);
  }
}
