package io.sluice.linux.fuse;

import com.sun.jna.Native;
import io.sluice.block.ErrnoException;
import io.sluice.linux.MountTable;
import io.sluice.linux.SystemErrors;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A mount of type {@code fuse.sluice}. Its source, as mount(8) shows it, names the agent that it
 * belongs to, so that one left by a killed agent is known to be ours.
 */
public final class FuseMount {
  private static final String SUBTYPE = "sluice";
  private static final String TYPE = "fuse." + SUBTYPE;
  private static final int ENOTCONN = 107;
  private static final int ROOT_UID = 0;

  private final FuseDescriptor descriptor;
  private final Path target;

  private FuseMount(FuseDescriptor descriptor, Path target) {
    this.descriptor = descriptor;
    this.target = target;
  }

  /**
   * What to mount.
   *
   * @param source names the agent, see {@link #clearDead}
   * @param rootMode type and permissions of the mount's root, as in st_mode
   * @param maxReadBytes the largest read that the kernel may ask for
   * @param allowOther whether users other than the agent's may come in at all
   */
  public record Options(String source, int rootMode, int maxReadBytes, boolean allowOther) {}

  /**
   * Mounts over a directory or file. The kernel then waits for INIT to be answered.
   *
   * @param target an absolute path without symbolic links
   * @throws ErrnoException ENODEV, EACCES, EPERM for /dev/fuse; what mount(2) reports
   */
  public static FuseMount mount(Path target, Options options) throws ErrnoException {
    if (FuseCalls.getuid() != ROOT_UID) {
      return new FuseMount(Fusermount.mount(target, helperOptions(options)), target);
    }
    FuseDescriptor descriptor = FuseDescriptor.open();
    String data =
        "fd="
            + descriptor.number()
            + ",rootmode="
            + Integer.toOctalString(options.rootMode)
            + ",user_id="
            + FuseCalls.getuid()
            + ",group_id="
            + FuseCalls.getgid()
            + ",max_read="
            + options.maxReadBytes
            + ",default_permissions"
            + (options.allowOther ? ",allow_other" : "");
    int failed =
        FuseCalls.mount(
            FuseDescriptor.terminated(options.source),
            FuseDescriptor.terminatedPath(target),
            FuseDescriptor.terminated(TYPE),
            FuseCalls.MS_NOSUID | FuseCalls.MS_NODEV | FuseCalls.MS_NOEXEC | FuseCalls.MS_NOATIME,
            FuseDescriptor.terminated(data));
    if (failed != 0) {
      ErrnoException failure =
          SystemErrors.failure(Native.getLastError(), "mount FUSE on " + target);
      descriptor.close();
      throw failure;
    }
    return new FuseMount(descriptor, target);
  }

  private static String helperOptions(Options options) {
    return "fsname="
        + options.source.replace(",", "\\,")
        + ",subtype="
        + SUBTYPE
        + ",nosuid,nodev,noexec,noatime,default_permissions,max_read="
        + options.maxReadBytes
        + (options.allowOther ? ",allow_other" : "");
  }

  /** The connection's first descriptor; the caller closes it. */
  public FuseDescriptor descriptor() {
    return descriptor;
  }

  /** Where it is mounted. */
  public Path target() {
    return target;
  }

  /** The agent's user, who owns what is mounted. */
  public static int uid() {
    return FuseCalls.getuid();
  }

  /** The agent's group. */
  public static int gid() {
    return FuseCalls.getgid();
  }

  /**
   * Makes the kernel send one request, and waits for its reply.
   *
   * @return false if there was none, since what is at the path is no FUSE mount that answers
   */
  public boolean nudge() {
    byte[] statfs = new byte[FuseCalls.STATFS_BYTES];
    return FuseCalls.statfs(FuseDescriptor.terminatedPath(target), statfs) == 0
        && ByteBuffer.wrap(statfs).order(ByteOrder.nativeOrder()).getLong(0)
            == FuseCalls.FUSE_SUPER_MAGIC;
  }

  /**
   * Takes the mount off its path. Files that are open stay so until the connection ends.
   *
   * @throws ErrnoException what umount2(2) reports; EINVAL if nothing is mounted there any more
   */
  public void detach() throws ErrnoException {
    detach(target);
  }

  private static void detach(Path target) throws ErrnoException {
    if (FuseCalls.getuid() != ROOT_UID) {
      Fusermount.unmount(target);
      return;
    }
    byte[] path = FuseDescriptor.terminatedPath(target);
    if (FuseCalls.umount2(path, FuseCalls.MNT_DETACH | FuseCalls.UMOUNT_NOFOLLOW) != 0) {
      throw SystemErrors.failure(Native.getLastError(), "unmount " + target);
    }
  }

  /**
   * Unmounts what an agent that was killed left: mounts of our type, of our user and of this
   * source, whose connection is gone. Anything else stays, whatever its path.
   *
   * @return what was unmounted
   * @throws ErrnoException EIO if the mounts can't be listed; what umount2(2) reports
   */
  public static List<Path> clearDead(String source) throws ErrnoException {
    List<Path> cleared = new ArrayList<>();
    for (Path target : mountsOf(source)) {
      if (isDead(target)) {
        detach(target);
        cleared.add(target);
      }
    }
    return cleared;
  }

  private static List<Path> mountsOf(String source) throws ErrnoException {
    try {
      return MountTable.mountPoints(TYPE, source, "user_id=" + FuseCalls.getuid());
    } catch (IOException e) {
      throw SystemErrors.failure(e, "list the mounts of this process");
    }
  }

  private static boolean isDead(Path target) {
    return FuseCalls.statfs(FuseDescriptor.terminatedPath(target), new byte[FuseCalls.STATFS_BYTES])
            != 0
        && Native.getLastError() == ENOTCONN;
  }
}
