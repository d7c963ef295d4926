package io.sluice.filter;

/**
 * An option of a filter, or an argument of one of its commands.
 *
 * @param name as it is typed before the {@code =}
 * @param type what the value may look like
 * @param fallback the value if none is given; null if one must be given; {@code ""} if there is
 *     none
 * @param help one line, with the unit and the range
 */
public record Parameter(String name, ParameterType type, String fallback, String help) {
  /** Whether a value must be given. */
  public boolean required() {
    return fallback == null;
  }
}
