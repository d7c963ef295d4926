package io.sluice.registry;

import io.sluice.block.OriginOptions;
import io.sluice.filter.AttachRequest;
import java.util.List;

/**
 * What makes a live device again after a restart.
 *
 * @param name its name
 * @param path its origin's path
 * @param options how its origin is opened
 * @param filters what is attached to it, from high altitude to low, each with its altitude
 */
public record DeviceSetup(
    String name, String path, OriginOptions options, List<AttachRequest> filters) {
  /** Copies the list. */
  public DeviceSetup {
    filters = List.copyOf(filters);
  }
}
