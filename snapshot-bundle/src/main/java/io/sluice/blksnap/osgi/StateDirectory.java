package io.sluice.blksnap.osgi;

import io.sluice.blksnap.session.TrackingStates;
import io.sluice.blksnap.tracking.TrackerState;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Change maps in files, {@code DEVICE.cbt}, each with the content stamp of its origin in front. A
 * file is there only while nobody tracks the device: it is removed, durably, before tracking goes
 * on, and comes back, by an atomic rename, when tracking ends in order.
 */
final class StateDirectory implements TrackingStates {
  private static final System.Logger LOG = System.getLogger("io.sluice.blksnap");
  private static final int BUFFER_BYTES = 1 << 16;

  private final StateFiles files;

  StateDirectory(Path directory) {
    this(new DirectoryFiles(directory));
  }

  StateDirectory(StateFiles files) {
    this.files = files;
  }

  @Override
  public Optional<TrackerState> claim(String device, String stamp, int blockCount) {
    String file = file(device);
    Optional<TrackerState> state = Optional.empty();
    if (!files.exists(file)) {
      forceRemoval(device);
      return state;
    }
    String why = "the device was written while nobody tracked it";
    try (DataInputStream in = new DataInputStream(new BufferedInputStream(files.read(file)))) {
      if (in.readUTF().equals(stamp)) {
        state = Optional.of(TrackerState.read(in, blockCount));
      }
    } catch (IOException e) {
      why = e.toString();
    }
    try {
      files.delete(file);
      files.forceNames();
    } catch (IOException e) {
      state = Optional.empty();
      why = "its file can't be taken out: " + e;
    }
    if (state.isEmpty()) {
      warn(device, why + "; a new generation starts, and the next backup is a full one");
    }
    return state;
  }

  @Override
  public void save(String device, String stamp, TrackerState state) {
    String fresh = file(device) + ".new";
    try {
      try (StateFiles.Output out = files.create(fresh)) {
        DataOutputStream data =
            new DataOutputStream(new BufferedOutputStream(out.stream(), BUFFER_BYTES));
        data.writeUTF(stamp);
        state.write(data);
        data.flush();
        out.force();
      }
      files.rename(fresh, file(device));
      files.forceNames();
    } catch (IOException e) {
      warn(device, "can't be kept: " + e + "; the next tracking starts a new generation");
    }
  }

  /** An agent that crashed may have taken the file out, but not for good. */
  private void forceRemoval(String device) {
    try {
      files.forceNames();
    } catch (IOException e) {
      warn(device, "an old file may come back with a power loss: " + e);
    }
  }

  private static String file(String device) {
    return device + ".cbt";
  }

  private static void warn(String device, String text) {
    LOG.log(System.Logger.Level.WARNING, "change map of " + device + ": " + text);
  }
}
