package io.sluice.loop.attach;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.DeviceHolder;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.export.ExportInfo;
import io.sluice.export.ExportRequest;
import io.sluice.export.ExportState;
import io.sluice.export.RateLimit;
import io.sluice.export.RemovalMode;
import io.sluice.linux.LoopDevices;
import java.io.Closeable;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

class LoopExportsTest {
  private static final Path SERVED = Path.of("/run/sluice/fuse/dev");

  /** Loop devices in memory. */
  private static final class Kernel implements LoopKernel {
    final Map<Integer, LoopDevices.Attached> attached = new TreeMap<>();
    final List<String> requests = new ArrayList<>();
    final List<String> users = new ArrayList<>();
    boolean lazy;
    boolean claimed;
    ErrnoException failure;
    Runnable meanwhile = () -> {};

    @Override
    public LoopDevices.Attached attach(Path file, boolean readOnly, int blockSizeBytes)
        throws ErrnoException {
      requests.add(file + (readOnly ? " ro " : " rw ") + blockSizeBytes);
      meanwhile.run();
      if (failure != null) {
        throw failure;
      }
      int number = attached.size();
      put(number, file);
      return attached.get(number);
    }

    void put(int number, Path file) {
      attached.put(number, new LoopDevices.Attached(number, 0x700 + number, file, 0));
    }

    @Override
    public void detach(LoopDevices.Attached gone) {
      if (!users.isEmpty() && lazy) {
        return;
      }
      assertTrue(attached.remove(gone.number(), gone), gone + " is detached, and is not there");
    }

    @Override
    public List<LoopDevices.Attached> list() {
      return List.copyOf(attached.values());
    }

    @Override
    public boolean isClaimed(LoopDevices.Attached of) {
      return claimed;
    }

    @Override
    public List<String> users(LoopDevices.Attached of) {
      return List.copyOf(users);
    }
  }

  /** A device that counts who holds it. */
  private static final class Disk implements BlockDevice {
    final List<DeviceHolder> holders = new ArrayList<>();
    boolean leaving;
    int blockSizeBytes = 1;
    boolean readOnly;

    @Override
    public DeviceGeometry geometry() {
      return new DeviceGeometry(
          1 << 20, blockSizeBytes, 4096, readOnly, false, EnumSet.of(BioOp.READ));
    }

    @Override
    public void submit(Bio bio) {
      throw new UnsupportedOperationException("nobody reads here");
    }

    @Override
    public Closeable hold(DeviceHolder holder) throws ErrnoException {
      if (leaving) {
        throw new ErrnoException(Errno.ESHUTDOWN, "leaving");
      }
      holders.add(holder);
      return () -> holders.remove(holder);
    }
  }

  private final Kernel kernel = new Kernel();
  private final Disk disk = new Disk();
  private int begunCount;
  private final LoopExports exports =
      new LoopExports(
          kernel,
          name -> name.equals("bare") ? Optional.empty() : Optional.of(SERVED.resolve(name)),
          () -> begunCount++);

  private ExportInfo add(boolean readOnly) throws ErrnoException {
    return exports.add(new ExportRequest("disk", "", readOnly));
  }

  private static void refused(Errno errno, String text, Executable call) {
    ErrnoException e = assertThrows(ErrnoException.class, call);
    assertEquals(errno, e.errno(), e.getMessage());
    assertTrue(e.getMessage().contains(text), e.getMessage());
  }

  @Test
  void attachesAndDetaches() throws ErrnoException {
    exports.deviceCame("disk", disk);
    ExportInfo info = add(false);
    assertEquals(
        new ExportInfo("loop", "/dev/loop0", "disk", false, false, 0, List.of("/dev/loop0")), info);
    assertEquals(List.of("/run/sluice/fuse/dev/disk rw 512"), kernel.requests);
    assertEquals("loop device /dev/loop0", disk.holders.get(0).text());
    assertEquals(List.of(info), exports.list());
    assertEquals(1, begunCount);
    exports.remove("/dev/loop0", RemovalMode.SAFE);
    assertEquals(Map.of(), kernel.attached);
    assertEquals(List.of(), disk.holders);
    assertEquals(List.of(), exports.list());
    refused(Errno.ENOENT, "/dev/loop0", () -> exports.remove("/dev/loop0", RemovalMode.SAFE));
  }

  @Test
  void itIsAsTheDeviceIs() throws ErrnoException {
    exports.deviceCame("disk", disk);
    disk.blockSizeBytes = 4096;
    assertEquals(0, begunCount, "nothing is done for nobody");
    assertTrue(add(true).readOnly());
    disk.readOnly = true;
    assertTrue(add(false).readOnly());
    assertEquals(1, begunCount);
    assertEquals(
        List.of("/run/sluice/fuse/dev/disk ro 4096", "/run/sluice/fuse/dev/disk ro 4096"),
        kernel.requests);
  }

  @Test
  void whatIsMountedStays() throws ErrnoException {
    exports.deviceCame("disk", disk);
    String name = add(false).name();
    kernel.users.add("mounted at /mnt");
    refused(Errno.EBUSY, "mounted at /mnt", () -> exports.remove(name, RemovalMode.SAFE));
    assertEquals(1, exports.list().get(0).clientCount());
    assertEquals("loop device /dev/loop0, mounted at /mnt", disk.holders.get(0).text());
    disk.holders.get(0).askedToLetGo();
    assertEquals(1, disk.holders.size(), "a removal of the device is refused");
    kernel.users.clear();
    disk.holders.get(0).askedToLetGo();
    assertEquals(0, disk.holders.size());
    assertEquals(Map.of(), kernel.attached);
  }

  /** As by device mapper, or mounted where this process does not see it. */
  @Test
  void whatIsClaimedStays() throws ErrnoException {
    exports.deviceCame("disk", disk);
    String name = add(false).name();
    kernel.claimed = true;
    refused(Errno.EBUSY, "wants it for itself", () -> exports.remove(name, RemovalMode.SAFE));
    disk.holders.get(0).askedToLetGo();
    assertEquals(1, disk.holders.size());
  }

  @Test
  void hiddenItStaysUntilItIsUnmounted() throws ErrnoException {
    exports.deviceCame("disk", disk);
    String name = add(false).name();
    refused(Errno.ENOTSUP, "hide", () -> exports.remove(name, RemovalMode.HARD));
    refused(Errno.ENOTSUP, "hide", () -> exports.remove(name, RemovalMode.SOFT));
    kernel.lazy = true;
    kernel.users.add("mounted at /mnt");
    exports.remove(name, RemovalMode.HIDE);
    assertEquals(ExportState.HIDDEN, exports.list().get(0).state());
    assertEquals(1, disk.holders.size(), "the device is in use as long as it is mounted");
    kernel.users.clear();
    kernel.attached.clear();
    disk.holders.get(0).askedToLetGo();
    assertEquals(List.of(), disk.holders);
  }

  @Test
  void goesWithItsDeviceWhoeverUsesIt() throws ErrnoException {
    Disk other = new Disk();
    exports.deviceCame("disk", disk);
    exports.deviceCame("other", other);
    add(false);
    exports.add(new ExportRequest("other", "", false));
    kernel.users.add("mounted at /mnt");
    exports.deviceWent("disk", disk);
    assertEquals(List.of(1), List.copyOf(kernel.attached.keySet()));
    assertEquals(List.of("other"), exports.list().stream().map(ExportInfo::device).toList());
    exports.detachAll();
    assertEquals(Map.of(), kernel.attached);
    assertEquals(List.of(), other.holders);
  }

  @Test
  void aDeviceThatGoesMeanwhileHasNone() {
    exports.deviceCame("disk", disk);
    kernel.meanwhile = () -> exports.deviceWent("disk", disk);
    refused(Errno.ESHUTDOWN, "disk", () -> add(false));
    assertEquals(Map.of(), kernel.attached);
    assertEquals(List.of(), disk.holders);
  }

  /** By losetup -d, and perhaps in use by somebody else then. */
  @Test
  void detachedByHand() throws ErrnoException {
    exports.deviceCame("disk", disk);
    String name = add(false).name();
    kernel.put(0, Path.of("/home/other.img"));
    assertEquals(List.of(), exports.list());
    assertEquals(List.of(), disk.holders);
    refused(Errno.ENOENT, name, () -> exports.remove(name, RemovalMode.SAFE));
    exports.detachAll();
    assertEquals(1, kernel.attached.size(), "another's loop device is left alone");
  }

  @Test
  void refusals() {
    exports.deviceCame("disk", disk);
    exports.deviceCame("bare", new Disk());
    refused(Errno.ENODEV, "[bare, disk]", () -> exports.add(new ExportRequest("nope", "", false)));
    refused(Errno.ENOTSUP, "export-fuse", () -> exports.add(new ExportRequest("bare", "", false)));
    refused(Errno.EINVAL, "leave it out", () -> exports.add(new ExportRequest("disk", "x", false)));
    ExportRequest limited = new ExportRequest("disk", "", false, "", new RateLimit(1, 0), Map.of());
    refused(Errno.EINVAL, "neither limits nor options", () -> exports.add(limited));
    disk.leaving = true;
    refused(Errno.ESHUTDOWN, "leaving", () -> add(false));
    disk.leaving = false;
    kernel.failure = new ErrnoException(Errno.EPERM, "not here");
    refused(Errno.EPERM, "not here", () -> add(false));
    assertEquals(List.of(), disk.holders);
  }

  @Test
  void whatAKilledAgentLeftIsDetachedAndNothingElse() {
    kernel.put(0, SERVED.resolve("disk"));
    kernel.put(1, Path.of("/run/sluice/fused"));
    kernel.put(2, Path.of("/run/sluice/fuse/images/disk@s"));
    kernel.put(3, Path.of("/run/other/fuse/dev/disk"));
    exports.detachLeft(Path.of("/run/sluice/fuse"));
    assertEquals(List.of(1, 3), List.copyOf(kernel.attached.keySet()));
  }
}
