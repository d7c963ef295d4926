package io.sluice.shell.blksnap;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.AttachRequest;
import io.sluice.shell.blksnap.ProgramOptions.Unfit;
import io.sluice.shell.tool.SectorRanges;
import io.sluice.snapshot.CbtInfo;
import io.sluice.snapshot.ChangeTracking;
import io.sluice.snapshot.SectorRange;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The tool's commands on one device's change tracker. */
final class TrackerCommands {
  private TrackerCommands() {}

  /**
   * Attaches the tracker.
   *
   * @return false if it was attached already
   */
  static boolean attach(BlksnapCommand.Call call, String device) throws ErrnoException {
    try {
      call.services().filters().attach(AttachRequest.of(device, ChangeTracking.FILTER_NAME));
      return true;
    } catch (ErrnoException e) {
      if (e.errno() == Errno.EALREADY) {
        return false;
      }
      throw BlksnapCommand.failed("Failed to attach filter to the block device", e);
    }
  }

  /** {@code attach}. */
  static final class Attach extends BlksnapCommand {
    Attach() {
      super("attach", "Attach blksnap tracker to block device.");
      device();
    }

    @Override
    void run(Call call) throws Unfit, IOException {
      boolean attached = attach(call, call.device());
      call.print(attached ? "Attached successfully" : "Already was attached");
    }
  }

  /** {@code detach}. */
  static final class Detach extends BlksnapCommand {
    Detach() {
      super("detach", "Detach blksnap tracker from block device.");
      device();
    }

    @Override
    void run(Call call) throws Unfit, IOException {
      String device = call.device();
      try {
        call.services().filters().detach(device, ChangeTracking.FILTER_NAME);
      } catch (ErrnoException e) {
        throw failed("Failed to detach filter from the block device", e);
      }
    }
  }

  /** {@code cbtinfo}. */
  static final class ShowInfo extends BlksnapCommand {
    ShowInfo() {
      super("cbtinfo", "Get change tracker information.");
      device().json();
    }

    @Override
    void run(Call call) throws Unfit, IOException {
      CbtInfo info = call.tracked(call.device());
      Map<String, Object> data = new LinkedHashMap<>();
      data.put("block_size", info.blockSizeBytes());
      data.put("device_capacity", info.capacityBytes());
      data.put("block_count", info.blockCount());
      data.put("generation_id", info.generationId());
      data.put("changes_number", info.changesNumber());
      if (call.json()) {
        call.printJson(data);
      } else {
        data.forEach((name, value) -> call.print(name + "=" + value));
      }
    }
  }

  /** {@code readcbtmap}. */
  static final class ReadMap extends BlksnapCommand {
    private static final int WINDOW_BYTES = 32 * 1024;

    ReadMap() {
      super("readcbtmap", "Read change tracking map.");
      device();
      options().one("file", 'f', "File name for output.");
      json();
    }

    @Override
    void run(Call call) throws Unfit, IOException {
      String device = call.device();
      CbtInfo info = call.tracked(device);
      String file = call.values().one("file");
      ChangeTracking tracking = call.services().tracking();
      ByteBuffer window = ByteBuffer.allocate(WINDOW_BYTES);
      try (OutputStream out = call.session().link().openFile(file)) {
        for (long block = 0; block < info.blockCount(); block += window.limit()) {
          window.clear().limit((int) Math.min(WINDOW_BYTES, info.blockCount() - block));
          tracking.readMap(device, block, window);
          out.write(window.array(), 0, window.limit());
        }
      }
      if (!tracking.info(device).equals(info)) {
        throw new ErrnoException(
            Errno.EAGAIN, "a snapshot was taken while the map was read; read it again");
      }
      if (call.json()) {
        Map<String, Object> data = new LinkedHashMap<>();
        data.put("file", file);
        data.put("block_count", info.blockCount());
        call.printJson(data);
      }
    }
  }

  /** {@code markdirtyblock}. */
  static final class MarkDirty extends BlksnapCommand {
    private final FileLayout.Finder files;

    MarkDirty(FileLayout.Finder files) {
      super("markdirtyblock", "Mark blocks as changed in change tracking map.");
      this.files = files;
      options().one("file", 'f', "File name with dirty blocks.");
      device();
      options()
          .many("ranges", 'r', "Sectors range in format 'sector:count'. It's multitoken argument.");
    }

    @Override
    void run(Call call) throws Unfit, IOException {
      if (call.values().has("file")) {
        FileLayout layout = layout(call);
        mark(call, call.device(layout.device()), layout.ranges());
        return;
      }
      String path = call.values().one("device");
      List<SectorRange> ranges = new ArrayList<>();
      for (String range : call.values().many("ranges")) {
        ranges.add(SectorRanges.parse(range));
      }
      mark(call, call.device(path), ranges);
    }

    private FileLayout layout(Call call) throws Unfit, IOException {
      String path = call.session().path(call.values().one("file"));
      FileLayout layout;
      try {
        layout = files.find(Path.of(path));
      } catch (ErrnoException e) {
        throw failed("Failed to get extents of file [" + path + "]", e);
      }
      call.print("device path: '" + layout.device() + "'");
      for (SectorRange range : layout.ranges()) {
        call.print("allocate range: ofs=" + range.firstSector() + " cnt=" + range.sectorCount());
      }
      return layout;
    }

    private static void mark(Call call, String device, List<SectorRange> ranges)
        throws ErrnoException {
      call.tracked(device);
      call.services().tracking().markDirty(device, ranges);
    }
  }
}
