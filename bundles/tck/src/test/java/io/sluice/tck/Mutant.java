package io.sluice.tck;

/**
 * An implementation that is wrong in one point.
 *
 * @param rule the rule it breaks
 * @param what how, for people
 * @param make makes it
 */
record Mutant<T>(String rule, String what, T make) {
  @Override
  public String toString() {
    return rule + ": " + what;
  }
}
