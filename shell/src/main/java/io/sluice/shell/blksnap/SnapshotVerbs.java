package io.sluice.shell.blksnap;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.shell.blksnap.ProgramOptions.Unfit;
import io.sluice.shell.tool.ByteSize;
import io.sluice.snapshot.SnapshotControl;
import io.sluice.snapshot.SnapshotDeviceInfo;
import io.sluice.snapshot.SnapshotInfo;
import io.sluice.snapshot.SnapshotRequest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** The tool's commands on snapshots, but those that wait for events. */
final class SnapshotVerbs {
  private static final int SECTOR_SIZE_BYTES = 512;

  private SnapshotVerbs() {}

  /** Adds a device; one that is not tracked yet gets its tracker first. */
  private static void add(BlksnapCommand.Call call, UUID id, String device) throws ErrnoException {
    SnapshotControl snapshots = call.services().snapshots();
    try {
      snapshots.add(id, device);
    } catch (ErrnoException e) {
      if (e.errno() != Errno.ENOENT) {
        throw e;
      }
      TrackerCommands.attach(call, device);
      snapshots.add(id, device);
    }
  }

  /** {@code snapshot_info}. */
  static final class Info extends BlksnapCommand {
    Info() {
      super("snapshot_info", "Get information about block device snapshot image.");
      device();
      options().one("field", 'f', "Out only selected field.");
      json();
    }

    @Override
    void run(Call call) throws Unfit, IOException {
      String device = call.device();
      // Refuses a device that is not tracked, as the original does.
      call.tracked(device);
      SnapshotDeviceInfo info = find(call.services().snapshots(), device);
      String field = call.values().has("field") ? call.values().one("field") : "";
      if (!List.of("", "image", "error_code").contains(field)) {
        throw new Unfit("Value '" + field + "' for argument '--field' is not supported.");
      }
      Map<String, Object> data = new LinkedHashMap<>();
      if (!field.equals("image")) {
        data.put("error_code", info == null ? 0 : info.errorCode());
      }
      if (!field.equals("error_code")) {
        data.put("image", image(call, info));
      }
      if (call.json()) {
        call.printJson(data);
      } else if (field.isEmpty()) {
        data.forEach((name, value) -> call.print(name + "=" + value));
      } else {
        call.print(String.valueOf(data.get(field)));
      }
    }

    /** The device in its last snapshot; the original knows no other. */
    private static SnapshotDeviceInfo find(SnapshotControl snapshots, String device) {
      SnapshotDeviceInfo last = null;
      for (SnapshotInfo snapshot : snapshots.list()) {
        for (SnapshotDeviceInfo info : snapshot.devices()) {
          if (info.device().equals(device)) {
            last = info;
          }
        }
      }
      return last;
    }

    /** Where the image can be opened; {@code /dev/} if there is no image. */
    private static String image(Call call, SnapshotDeviceInfo info) throws ErrnoException {
      if (info == null || info.image().isEmpty()) {
        return "/dev/";
      }
      return ImageAddress.of(info.image(), call.services().exporters());
    }
  }

  /** {@code snapshot_add}. */
  static final class Add extends BlksnapCommand {
    Add() {
      super("snapshot_add", "Add device for snapshot.");
      device().id();
    }

    @Override
    void run(Call call) throws Unfit, IOException {
      String path = call.values().one("device");
      UUID id = call.id();
      add(call, id, call.device(path));
    }
  }

  /** {@code snapshot_create}. */
  static final class Create extends BlksnapCommand {
    Create() {
      super("snapshot_create", "Create snapshot.");
      options()
          .many("device", 'd', "Device name for snapshot. It's multitoken argument.")
          .one("file", 'f', "File for difference storage.")
          .one(
              "limit",
              'l',
              "The allowable limit for the size of the difference storage file. The suffixes M, K"
                  + " and G is allowed.");
    }

    @Override
    void run(Call call) throws Unfit, IOException {
      Path store = Path.of(call.session().path(call.values().one("file")));
      long limitBytes = ByteSize.parse(call.values().one("limit")).bytes();
      long limitSectors = limitBytes / SECTOR_SIZE_BYTES;
      SnapshotRequest request =
          new SnapshotRequest(
              List.of(), kind(store), store.toString(), limitSectors * SECTOR_SIZE_BYTES, 0, "");
      UUID id;
      try {
        id = call.services().snapshots().create(request);
      } catch (ErrnoException e) {
        throw failed("Failed to create snapshot object.", e);
      }
      // The id goes first: if a device is refused, the caller must know what to destroy.
      call.print(id.toString());
      for (String device : call.devices()) {
        add(call, id, call.device(device));
      }
    }

    private static String kind(Path store) {
      if (Files.isDirectory(store)) {
        return "dir";
      }
      return Files.isRegularFile(store) || Files.notExists(store) ? "file" : "blockdev";
    }
  }

  /** {@code snapshot_destroy}. */
  static final class Destroy extends BlksnapCommand {
    Destroy() {
      super("snapshot_destroy", "Release snapshot and destroy snapshot object.");
      id();
    }

    @Override
    void run(Call call) throws Unfit, IOException {
      UUID id = call.id();
      try {
        call.services().snapshots().destroy(id);
      } catch (ErrnoException e) {
        throw failed("Failed to destroy snapshot.", e);
      }
    }
  }

  /** {@code snapshot_take}. */
  static final class Take extends BlksnapCommand {
    Take() {
      super("snapshot_take", "Take snapshot.");
      id();
    }

    @Override
    void run(Call call) throws Unfit, IOException {
      UUID id = call.id();
      try {
        call.services().snapshots().take(id);
      } catch (ErrnoException e) {
        throw failed("Failed to take snapshot", e);
      }
    }
  }

  /** {@code snapshot_collect}. */
  static final class Collect extends BlksnapCommand {
    Collect() {
      super("snapshot_collect", "Get collection of snapshots.");
      json();
    }

    @Override
    void run(Call call) throws Unfit, IOException {
      List<UUID> ids = call.services().snapshots().list().stream().map(SnapshotInfo::id).toList();
      if (call.json()) {
        call.printJson(Map.of("snapshots", ids));
        return;
      }
      ids.forEach(id -> call.print(id + " "));
      call.print("");
    }
  }
}
