package io.sluice.loop.attach;

import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceHolder;
import io.sluice.export.ExportInfo;
import io.sluice.export.ExportState;
import io.sluice.export.RateLimit;
import io.sluice.linux.LoopDevices;
import java.io.Closeable;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/** One loop device of ours. It has its device in use, and lets it go when nobody uses itself. */
final class LoopExport implements DeviceHolder {
  private final LoopExports exports;
  private final String deviceName;
  private final BlockDevice device;
  private final boolean readOnly;

  // Set once, before others see this.
  private volatile LoopDevices.Attached attached;
  private volatile Closeable hold;

  private volatile boolean hidden;

  LoopExport(LoopExports exports, String deviceName, BlockDevice device, boolean readOnly) {
    this.exports = exports;
    this.deviceName = deviceName;
    this.device = device;
    this.readOnly = readOnly;
  }

  /** From now on it goes with its last user. */
  void hide() {
    hidden = true;
  }

  void held(Closeable byThis) {
    hold = byThis;
  }

  void attached(LoopDevices.Attached to) {
    attached = to;
  }

  LoopDevices.Attached attached() {
    return attached;
  }

  BlockDevice device() {
    return device;
  }

  String name() {
    return attached.path().toString();
  }

  @Override
  public String text() {
    if (attached == null) {
      return "a loop device that is being attached";
    }
    List<String> users = exports.users(this);
    return "loop device " + name() + (users.isEmpty() ? "" : ", " + String.join(", ", users));
  }

  @Override
  public void askedToLetGo() {
    if (attached != null) {
      exports.letGoIfUnused(this);
    }
  }

  void letGo() {
    Closeable taken = hold;
    if (taken != null) {
      try {
        taken.close();
      } catch (IOException e) {
        throw new IllegalStateException("a hold that does not end", e);
      }
    }
  }

  ExportInfo info() {
    int clientCount = exports.users(this).isEmpty() ? 0 : 1;
    return new ExportInfo(
        LoopExports.KIND,
        name(),
        deviceName,
        "",
        readOnly,
        false,
        hidden ? ExportState.HIDDEN : ExportState.SERVED,
        RateLimit.NONE,
        Map.of(),
        clientCount,
        List.of(name()));
  }
}
