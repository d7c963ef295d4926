package io.sluice.snapshot;

import io.sluice.block.ErrnoException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.UUID;
import org.osgi.annotation.versioning.ProviderType;

/**
 * What has changed on a device since an earlier snapshot. An OSGi service; all methods may be
 * called from any thread.
 *
 * <p>The map has one byte for each tracking block: the number of the snapshot interval in which it
 * was last written. What is read here is the <em>held</em> map, which stands still from one take to
 * the next. A reader that has a backup of (generation G, number N) reads the map of a later
 * snapshot: if the generation is still G, the blocks with a byte above N have changed, else all may
 * have.
 */
@ProviderType
public interface ChangeTracking {
  /** The name of the filter that tracks: attach it to start, detach it to stop. */
  String FILTER_NAME = "blksnap";

  /**
   * Tracking's sizes and position.
   *
   * @throws ErrnoException ENODEV for no such device, ESRCH if it is not tracked
   */
  CbtInfo info(String device) throws ErrnoException;

  /**
   * Copies a part of the held map.
   *
   * @param firstBlock the tracking block to start at, 0 to the block count inclusive
   * @param target filled from position to limit; its remaining count is the number of blocks
   * @throws ErrnoException ENODEV, ESRCH as {@link #info}; ENODATA if the range leaves the map
   */
  void readMap(String device, long firstBlock, ByteBuffer target) throws ErrnoException;

  /**
   * Marks ranges as changed, in the held map and in the one being written.
   *
   * @throws ErrnoException ENODEV, ESRCH as {@link #info}; EINVAL if any range is empty or ends
   *     past the device: nothing is marked then
   */
  void markDirty(String device, List<SectorRange> ranges) throws ErrnoException;

  /**
   * The ranges that changed after an earlier snapshot, up to the last one taken: in order, merged,
   * clipped at the device's end.
   *
   * @param generation of the earlier snapshot
   * @param number of the earlier snapshot, 0 to 255; 0 for all that was ever marked
   * @throws ErrnoException ENODEV, ESRCH as {@link #info}; ENODATA if the generation is another by
   *     now or the number lies ahead: the base is void, and everything must be read
   */
  List<SectorRange> changedSince(String device, UUID generation, int number) throws ErrnoException;

  /**
   * Explains the ranges of {@link #changedSince}: where they are, how much of them is zero, and
   * what tracking blocks of other sizes would make of the same writes. Asks for the block status of
   * all that has changed, in the caller's thread.
   *
   * @param topCount how many regions and runs to tell of, 1 to {@link ChangeReport#TOP_COUNT_MAX}
   * @throws ErrnoException as {@link #changedSince}; EINVAL for {@code topCount}; EAGAIN if a
   *     snapshot is taken meanwhile; what block status throws
   */
  ChangeReport explain(String device, UUID generation, int number, int topCount)
      throws ErrnoException;
}
