package io.sluice.nbd.session;

import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceMap;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import io.sluice.nbd.codec.NbdLimits;
import io.sluice.nbd.codec.NbdProtocol;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * A context of an export: what BLOCK_STATUS tells of it.
 *
 * @param name as clients ask for it
 * @param map where the states are from; null for the device's own block status
 * @param stateMask the bits of a state that go on the wire
 */
public record MetaContext(String name, DeviceMap map, int stateMask) {
  /** What every export has. It has the same two bits as block status, hole and zero. */
  static final MetaContext ALLOCATION =
      new MetaContext(NbdProtocol.BASE_ALLOCATION, null, ExtentVisitor.HOLE | ExtentVisitor.ZERO);

  /**
   * All that an export has: {@code base:allocation}, and the maps under the names that clients
   * know; others in our own namespace.
   *
   * @param bitmap the name of the dirty bitmap, if there is one; {@code fallback} is used if it is
   *     too long for the protocol
   */
  public static List<MetaContext> of(List<DeviceMap> maps, String bitmap, String fallback) {
    List<MetaContext> contexts = new ArrayList<>();
    contexts.add(ALLOCATION);
    for (DeviceMap map : maps) {
      if (contexts.size() < NbdLimits.CONTEXTS_MAX) {
        contexts.add(
            switch (map.name()) {
              case DeviceMap.CHANGED -> new MetaContext(dirtyBitmap(bitmap, fallback), map, 1);
              case DeviceMap.DEPTH -> new MetaContext(NbdProtocol.QEMU_ALLOCATION_DEPTH, map, ~0);
              default -> new MetaContext(NbdProtocol.OWN_NAMESPACE + map.name(), map, ~0);
            });
      }
    }
    return List.copyOf(contexts);
  }

  private static String dirtyBitmap(String bitmap, String fallback) {
    String name = NbdProtocol.QEMU_DIRTY_BITMAP + bitmap;
    return name.getBytes(StandardCharsets.UTF_8).length <= NbdLimits.STRING_MAX_BYTES
        ? name
        : NbdProtocol.QEMU_DIRTY_BITMAP + fallback;
  }

  /** Whether a query of LIST_META_CONTEXT means it: its name, or all that begins so. */
  boolean isListedBy(String query) {
    return query.endsWith(":") ? name.startsWith(query) : name.equals(query);
  }

  /** Asks for a range's states. */
  void ask(BlockDevice device, long offsetBytes, long lengthBytes, ExtentVisitor visitor)
      throws ErrnoException {
    if (map == null) {
      device.status(offsetBytes, lengthBytes, visitor);
    } else {
      map.extents(offsetBytes, lengthBytes, visitor);
    }
  }
}
