package io.sluice.block;

import org.osgi.annotation.versioning.ConsumerType;

/**
 * What is known of a device's ranges beside where they hold data: which have changed, say, or where
 * their bytes come from. A map is of the same moment as the device's bytes. All methods may be
 * called from any thread.
 */
@ConsumerType
public interface DeviceMap {
  /**
   * The name of the map of what has changed since the view's base: state 1 where bytes may differ,
   * 0 where none does. A view has one at most.
   */
  String CHANGED = "changed";

  /**
   * The name of the map of how deep bytes lie: state 0 for zeroes that take no space, 1 for bytes
   * that the device keeps itself, 2 for those of another device under it.
   */
  String DEPTH = "depth";

  /**
   * What it is: one of the constants here, or a name of the maker's own, in the syntax {@code
   * WORD[:TEXT...]} and at most 200 characters of ASCII without blanks.
   */
  String name();

  /**
   * Tells the states of a range.
   *
   * @param offsetBytes a multiple of the device's block size, inside the device
   * @param lengthBytes at least 1; clipped at the device's end
   * @param visitor called in this thread, at least once, with a length that is a multiple of the
   *     block size and a state as the map's name says; the map may stop before the range's end, and
   *     neighbours may have the same state
   * @throws ErrnoException as {@link BlockDevice#status}; and wherever a read of the device fails
   *     for good, since its map is worth nothing then
   */
  void extents(long offsetBytes, long lengthBytes, ExtentVisitor visitor) throws ErrnoException;
}
