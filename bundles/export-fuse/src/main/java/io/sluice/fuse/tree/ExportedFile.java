package io.sluice.fuse.tree;

import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.DeviceRole;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.fuse.codec.Attributes;
import io.sluice.fuse.codec.FuseLimits;
import io.sluice.fuse.codec.FuseProtocol;
import java.time.Instant;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.StampedLock;

/** A device as a file. Thread-safe. */
public final class ExportedFile {
  private static final int PREFERRED_MIN_BYTES = 4096;

  private final String name;
  private final DeviceRole role;
  private final BlockDevice device;
  private final boolean readOnly;
  private final BlockCount blockCount;
  private final StampedLock blocks = new StampedLock();
  private final AtomicInteger openCount = new AtomicInteger();
  private final long madeNanos = nowNanos();
  private volatile boolean gone;

  /**
   * @param name the device's
   * @param readOnly whether writes are refused, whatever the device allows
   */
  public ExportedFile(String name, DeviceRole role, BlockDevice device, boolean readOnly) {
    this.name = name;
    this.role = role;
    this.device = device;
    this.readOnly = readOnly;
    this.blockCount = new BlockCount(device, System::nanoTime);
  }

  /** The device's name. */
  public String name() {
    return name;
  }

  /** Live or image. */
  public DeviceRole role() {
    return role;
  }

  /** Whose bytes the file has. */
  public BlockDevice device() {
    return device;
  }

  /**
   * The device, to send bios to.
   *
   * @throws ErrnoException ESHUTDOWN once it is removed
   */
  public BlockDevice present() throws ErrnoException {
    if (gone) {
      throw new ErrnoException(Errno.ESHUTDOWN, name + ": the device was removed");
    }
    return device;
  }

  /** The device was removed: what is open stays so, and fails. */
  public void remove() {
    gone = true;
  }

  /** Whether a device with this geometry may be written to through this file. */
  public boolean writable(DeviceGeometry geometry) {
    return !readOnly && !geometry.readOnly();
  }

  /**
   * Whether no client, whatever it came by, can change the bytes: then the kernel may keep them.
   */
  public boolean frozen() {
    return role == DeviceRole.IMAGE && device.geometry().readOnly();
  }

  /**
   * Held shared by writes of whole blocks, and alone by those that read a block, change a part of
   * it and write it back. Devices whose blocks are single bytes do not need it.
   */
  public StampedLock blocks() {
    return blocks;
  }

  /** Space was given back or taken by a call that is for nothing else. */
  public void spaceChanged() {
    blockCount.outdate();
  }

  /** How often it is open. */
  public int openCount() {
    return openCount.get();
  }

  void opened() {
    openCount.incrementAndGet();
  }

  void released() {
    openCount.decrementAndGet();
  }

  /** What stat(2) shows. A live device may be changed by anybody at any time, so it is of now. */
  Attributes attributes(long inode, Owner owner) throws ErrnoException {
    DeviceGeometry geometry = present().geometry();
    boolean writable = writable(geometry);
    return new Attributes(
        inode,
        geometry.sizeBytes(),
        blockCount.sectorCount(geometry.sizeBytes()),
        role == DeviceRole.LIVE ? nowNanos() : madeNanos,
        FuseProtocol.S_IFREG | owner.fileMode(writable),
        1,
        owner.uid(),
        owner.gid(),
        Math.max(
            PREFERRED_MIN_BYTES, Math.min(geometry.preferredSizeBytes(), FuseLimits.IO_MAX_BYTES)));
  }

  static long nowNanos() {
    Instant now = Instant.now();
    return TimeUnit.SECONDS.toNanos(now.getEpochSecond()) + now.getNano();
  }
}
