package io.sluice.block;

import java.util.Locale;

/** What a {@link BlockDevice} is in the flow of data. */
public enum DeviceRole {
  /** The device under the filter chain. Not published: only its live device may write to it. */
  ORIGIN,
  /** The origin seen through its filters. */
  LIVE,
  /** One device's view of a snapshot. */
  IMAGE;

  /**
   * The value of the service property {@link BlockDevice#ROLE_PROPERTY}: the name in lower case.
   */
  public String property() {
    return name().toLowerCase(Locale.ROOT);
  }
}
