package io.sluice.snapshot;

import java.util.List;
import java.util.UUID;

/**
 * What to take.
 *
 * @param snapshot the snapshot's id
 * @param freeze absolute paths where file systems on the devices are mounted, at most {@link
 *     #FREEZE_COUNT_MAX}: each is frozen for the cut, so that the image has all that was written to
 *     its files
 * @param freezeMounted whether to freeze, besides these, each file system that is found to be
 *     mounted on a device of the snapshot, through what the agent serves it as
 */
public record TakeRequest(UUID snapshot, List<String> freeze, boolean freezeMounted) {
  /** File systems that one take freezes, at most. */
  public static final int FREEZE_COUNT_MAX = 64;

  /** Copies the list. */
  public TakeRequest {
    freeze = List.copyOf(freeze);
  }
}
