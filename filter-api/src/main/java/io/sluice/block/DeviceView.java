package io.sluice.block;

import java.util.List;

/**
 * A way to look at a device that is a service, with maps.
 *
 * @param name its own, under which it is found as long as the device is there; it need not be what
 *     it was asked for by
 * @param liveDevice the name of the live device whose bytes these are or were
 * @param description one line for people; also why it lacks a map that the name asks for
 * @param device the service; the view goes when it does
 * @param maps what is known of it, each name once
 */
public record DeviceView(
    String name, String liveDevice, String description, BlockDevice device, List<DeviceMap> maps) {
  /** Copies the list. */
  public DeviceView {
    maps = List.copyOf(maps);
  }
}
