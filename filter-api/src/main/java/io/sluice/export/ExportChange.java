package io.sluice.export;

import java.util.Map;

/**
 * What is to be another way in an export that is there. What is null stays as it is.
 *
 * @param name what clients ask for
 * @param description one line for people
 * @param limit how fast its clients may be
 * @param options kind-specific ones, in place of all that it has
 */
public record ExportChange(
    String name, String description, RateLimit limit, Map<String, String> options) {

  /** Copies the options. */
  public ExportChange {
    options = options == null ? null : Map.copyOf(options);
  }
}
