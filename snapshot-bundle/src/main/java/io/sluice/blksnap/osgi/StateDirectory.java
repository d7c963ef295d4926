package io.sluice.blksnap.osgi;

import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;
import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import io.sluice.blksnap.session.TrackingStates;
import io.sluice.blksnap.tracking.TrackerState;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import java.util.Set;

/**
 * Change maps in files, {@code DEVICE.cbt}, each with the content stamp of its origin in front. A
 * file is there only while nobody tracks the device: it is removed, durably, before tracking goes
 * on, and comes back, by an atomic rename, when tracking ends in order.
 */
final class StateDirectory implements TrackingStates {
  private static final System.Logger LOG = System.getLogger("io.sluice.blksnap");
  private static final FileAttribute<?> OWNER_ONLY =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));
  private static final FileAttribute<?> OWNER_ONLY_DIRECTORY =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

  private final Path directory;

  StateDirectory(Path directory) {
    this.directory = directory;
  }

  @Override
  public Optional<TrackerState> claim(String device, String stamp, int blockCount) {
    Path file = file(device);
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    Optional<TrackerState> state = Optional.empty();
    String why = "the device was written while nobody tracked it";
    try (DataInputStream in =
        new DataInputStream(new BufferedInputStream(Files.newInputStream(file)))) {
      if (in.readUTF().equals(stamp)) {
        state = Optional.of(TrackerState.read(in, blockCount));
      }
    } catch (IOException e) {
      why = e.toString();
    }
    try {
      Files.delete(file);
      sync();
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
    Path fresh = directory.resolve(device + ".cbt.new");
    try {
      Files.createDirectories(directory, OWNER_ONLY_DIRECTORY);
      Files.deleteIfExists(fresh);
      try (FileChannel channel = FileChannel.open(fresh, Set.of(CREATE_NEW, WRITE), OWNER_ONLY)) {
        OutputStream out = new BufferedOutputStream(Channels.newOutputStream(channel), 1 << 16);
        DataOutputStream data = new DataOutputStream(out);
        data.writeUTF(stamp);
        state.write(data);
        data.flush();
        channel.force(true);
      }
      Files.move(fresh, file(device), ATOMIC_MOVE);
      sync();
    } catch (IOException e) {
      warn(device, "can't be kept: " + e + "; the next tracking starts a new generation");
    }
  }

  private Path file(String device) {
    return directory.resolve(device + ".cbt");
  }

  /** A removal or a rename is durable once its directory is. */
  private void sync() throws IOException {
    try (FileChannel channel = FileChannel.open(directory, READ)) {
      channel.force(true);
    }
  }

  private static void warn(String device, String text) {
    LOG.log(System.Logger.Level.WARNING, "change map of " + device + ": " + text);
  }
}
