package io.sluice.export;

import java.util.Map;
import java.util.Objects;

/**
 * What to export.
 *
 * @param device the name of a live device or image
 * @param name what clients ask for; empty for the device's own name
 * @param readOnly whether clients are refused to change it
 * @param description one line for people; empty for the device's own
 * @param limit how fast its clients may be
 * @param options what only some kinds know, by names that the kind defines; one that it does not
 *     know is refused
 */
public record ExportRequest(
    String device,
    String name,
    boolean readOnly,
    String description,
    RateLimit limit,
    Map<String, String> options) {

  /** Copies the options. */
  public ExportRequest {
    Objects.requireNonNull(device, "device");
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(description, "description");
    Objects.requireNonNull(limit, "limit");
    options = Map.copyOf(options);
  }

  /** One without anything special. */
  public ExportRequest(String device, String name, boolean readOnly) {
    this(device, name, readOnly, "", RateLimit.NONE, Map.of());
  }
}
