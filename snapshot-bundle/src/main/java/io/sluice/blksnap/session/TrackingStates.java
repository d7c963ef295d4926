package io.sluice.blksnap.session;

import io.sluice.blksnap.tracking.TrackerState;
import java.util.Optional;

/**
 * Keeps what is known of changes while nobody tracks them. A state can be had once: after a crash
 * there is none, and tracking starts a new generation.
 */
public interface TrackingStates {
  /** Keeps nothing: each attach starts a new generation. */
  TrackingStates NONE =
      new TrackingStates() {
        @Override
        public Optional<TrackerState> claim(String device, String stamp, int blockCount) {
          return Optional.empty();
        }

        @Override
        public void save(String device, String stamp, TrackerState state) {}
      };

  /**
   * Takes a device's state out, for good, before this returns: it is void with the first write that
   * follows. Never throws: a state that can't be read, or not be taken out, is none.
   *
   * @param stamp the origin's content stamp now; a state that was saved under another one is void,
   *     since the device was written meanwhile
   * @param blockCount how many blocks the device's map has
   */
  Optional<TrackerState> claim(String device, String stamp, int blockCount);

  /**
   * Keeps a state, durably, in place of an older one. Never throws: what can't be kept is void.
   *
   * @param stamp the origin's content stamp now, when nothing writes
   */
  void save(String device, String stamp, TrackerState state);
}
