package io.sluice.shell.backup;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.shell.tool.Services;
import io.sluice.snapshot.SectorRange;
import io.sluice.snapshot.SnapshotControl;
import io.sluice.snapshot.SnapshotDeviceInfo;
import io.sluice.snapshot.SnapshotInfo;
import io.sluice.snapshot.SnapshotRequest;
import io.sluice.snapshot.TakeRequest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/** One backup: a cut of all devices, a file for each, and the point that names them. */
public final class BackupJob {
  private final Services services;
  private final Work work;

  /** A backup of the agent's devices, for one caller. */
  public BackupJob(Services services, Work work) {
    this.services = services;
    this.work = work;
  }

  /**
   * Makes the point. Whatever fails, the directory is as it was and the snapshot is gone.
   *
   * @throws ErrnoException EBUSY if the directory is in use; ECANCELED if the caller gives up; EIO
   *     for what qemu's tools say, and for a file that does not compare equal; else what creating
   *     and taking the snapshot throw
   */
  public BackupPoint run(BackupRequest request) throws IOException, ErrnoException {
    try (BackupDirectory directory = BackupDirectory.make(request.directory())) {
      List<BackupPoint> earlier = directory.points();
      SnapshotControl snapshots = services.snapshots();
      UUID id =
          snapshots.create(
              new SnapshotRequest(
                  request.devices(),
                  request.storeKind(),
                  request.storeArgument(),
                  request.limitBytes(),
                  0,
                  ""));
      try {
        SnapshotInfo taken = snapshots.take(new TakeRequest(id, request.freeze(), true));
        BackupPoint point = copy(request, directory, earlier, taken);
        directory.publish(point);
        return point;
      } finally {
        snapshots.destroy(id);
        directory.removeParts();
      }
    }
  }

  private BackupPoint copy(
      BackupRequest request,
      BackupDirectory directory,
      List<BackupPoint> earlier,
      SnapshotInfo taken)
      throws IOException, ErrnoException {
    int number = earlier.isEmpty() ? 1 : earlier.get(earlier.size() - 1).point() + 1;
    List<BackupFile> files = new ArrayList<>();
    for (SnapshotDeviceInfo device : taken.devices()) {
      files.add(new DeviceCopy(request, directory, taken.id(), device, number).run(earlier));
    }
    return new BackupPoint(number, taken.takenAt(), files);
  }

  /** What an increment of a device is made of, or why there can be none. */
  private record Increment(BackupPoint base, List<SectorRange> ranges, String reason) {
    static Increment none(String reason) {
      return new Increment(null, List.of(), reason);
    }
  }

  /** One device of the backup. */
  private final class DeviceCopy {
    private final BackupRequest request;
    private final BackupDirectory directory;
    private final UUID snapshot;
    private final SnapshotDeviceInfo device;
    private final int number;
    private final QemuTools tools;

    DeviceCopy(
        BackupRequest request,
        BackupDirectory directory,
        UUID snapshot,
        SnapshotDeviceInfo device,
        int number) {
      this.request = request;
      this.directory = directory;
      this.snapshot = snapshot;
      this.device = device;
      this.number = number;
      this.tools = new QemuTools(directory.path(), work);
    }

    BackupFile run(List<BackupPoint> earlier) throws IOException, ErrnoException {
      Tries tries = new Tries(this::checkImage, work, System::nanoTime, Tries.LIMIT_NANOS);
      Node image = () -> Exports.find(services, device.image());
      long[] sizeBytes = new long[1];
      tries.run(() -> sizeBytes[0] = ImageFacts.of(tools, Sources.raw(image.find())).sizeBytes());
      Increment increment =
          request.kind() == BackupKind.FULL ? Increment.none("") : increment(earlier, sizeBytes[0]);
      boolean full = increment.base == null;
      BackupFormat format = full ? request.format() : BackupFormat.QCOW2;
      String name = BackupDirectory.fileName(device.device(), number, format);
      String part = Sources.here(BackupDirectory.partName(name));
      ImageCopy copy =
          new ImageCopy(device.device(), tools, tries, work, image, sizeBytes[0], false);
      long copiedBytes;
      if (full) {
        copiedBytes = copy.toFile(format, part);
      } else {
        BackupFile base = increment.base.file(device.device());
        copiedBytes = copy.ranges(increment.ranges, part, base.file(), base.format());
      }
      if (request.compare()) {
        copy.compare(format, part);
      }
      // The image may have ended after its last byte was read, and what was read is right then.
      Path path = directory.path().resolve(BackupDirectory.partName(name));
      return new BackupFile(
          device.device(),
          full ? BackupKind.FULL : BackupKind.INCREMENTAL,
          increment.reason,
          format,
          name,
          sizeBytes[0],
          full ? 0 : increment.base.point(),
          device.generationId(),
          device.changesNumber(),
          copiedBytes,
          tries.retryCount(),
          request.compare(),
          Files.size(path),
          FileHash.of(path, work));
    }

    private Increment increment(List<BackupPoint> earlier, long sizeBytes)
        throws IOException, ErrnoException {
      BackupPoint base = null;
      for (BackupPoint point : earlier) {
        base = point.of(device.device()).isPresent() ? point : base;
      }
      if (base == null) {
        return Increment.none("there is no backup of it in here yet");
      }
      BackupFile file = base.file(device.device());
      if (file.sizeBytes() != sizeBytes) {
        return Increment.none(
            "its size was " + file.sizeBytes() + " bytes and is " + sizeBytes + " bytes");
      }
      String gone = directory.missing(earlier, base, device.device());
      if (!gone.isEmpty()) {
        return Increment.none("its last backup can't be read: " + gone);
      }
      try {
        return new Increment(
            base,
            services
                .tracking()
                .changedSince(device.device(), file.generationId(), file.changesNumber()),
            "");
      } catch (ErrnoException e) {
        if (e.errno() != Errno.ENODATA) {
          throw e;
        }
        return Increment.none(e.text());
      }
    }

    /** Whether reading the image goes on making sense. */
    private void checkImage() throws ErrnoException {
      for (SnapshotDeviceInfo now : services.snapshots().info(snapshot).devices()) {
        if (now.device().equals(device.device()) && now.errorCode() != 0) {
          throw new ErrnoException(
              Errno.ofNumber(-now.errorCode()),
              device.device()
                  + ": the snapshot ended during the backup; give the store more room by --limit or"
                  + " another --store");
        }
      }
    }
  }
}
