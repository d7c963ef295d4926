package io.sluice.linux;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * A text that differs once the bytes of a file or block device may have been changed.
 *
 * <p>Of a regular file it has the times of the last change, which the kernel takes from a clock
 * that ticks every 1 to 10 ms: so a stamp is taken only when the file has been at rest for longer
 * than a tick, and a later write shows in it. Of a block device, which has no such time, it has the
 * kernel's counts of what was written to it, to the disk it is a partition of, and to the file that
 * it loops; they start anew with each boot, so it is another after that.
 */
public final class ContentStamp {
  private static final long REST_NANOS = TimeUnit.MILLISECONDS.toNanos(12);

  /** Columns of /sys/dev/block/M:m/stat: writes, sectors written, discards, sectors discarded. */
  private static final int[] WRITE_COLUMNS = {4, 6, 11, 13};

  private ContentStamp() {}

  /**
   * The stamp of a regular file whose writers are at rest; waits until it has been for 12 ms.
   *
   * @param file a path to it, or to the open descriptor under /proc/self/fd
   * @return empty if it can't be told
   */
  public static Optional<String> ofFile(Path file) {
    try {
      Map<String, Object> found = attributes(file);
      long changedNanos = ((FileTime) found.get("ctime")).to(TimeUnit.NANOSECONDS);
      long restsAtNanos = changedNanos + REST_NANOS;
      long waitNanos = restsAtNanos - wallClockNanos();
      while (waitNanos > 0 && waitNanos <= REST_NANOS) {
        LockSupport.parkNanos(waitNanos);
        if (Thread.currentThread().isInterrupted()) {
          return Optional.empty();
        }
        waitNanos = restsAtNanos - wallClockNanos();
      }
      if (waitNanos > 0 || !attributes(file).equals(found)) {
        return Optional.empty(); // the clock was set back, or somebody writes
      }
      return Optional.of(
          "file "
              + found.get("ino")
              + " "
              + found.get("size")
              + " "
              + ((FileTime) found.get("lastModifiedTime")).to(TimeUnit.NANOSECONDS)
              + " "
              + changedNanos);
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  private static Map<String, Object> attributes(Path file) throws IOException {
    return Files.readAttributes(file, "unix:ino,size,lastModifiedTime,ctime");
  }

  private static long wallClockNanos() {
    return FileTime.from(Instant.now()).to(TimeUnit.NANOSECONDS);
  }

  /**
   * The stamp of a block device that has been flushed and whose writers are at rest.
   *
   * @param device st_rdev
   * @return empty if /sys does not tell
   */
  public static Optional<String> ofBlockDevice(long device) {
    Path directory = BlockSysfs.directory(device);
    String boot = BlockSysfs.read(Path.of("/proc/sys/kernel/random/boot_id"));
    String own = writes(directory);
    if (boot.isEmpty() || own.isEmpty()) {
      return Optional.empty();
    }
    Path disk = directory.resolve("..");
    boolean partition = Files.exists(directory.resolve("partition"));
    StringBuilder stamp = new StringBuilder("block ").append(boot).append(' ').append(own);
    stamp.append(' ').append(BlockSysfs.read((partition ? disk : directory).resolve("diskseq")));
    if (partition) {
      stamp.append(" of ").append(writes(disk));
    }
    String backing = BlockSysfs.read((partition ? disk : directory).resolve("loop/backing_file"));
    if (!backing.isEmpty()) {
      Optional<String> file = ofFile(Path.of(backing));
      if (file.isEmpty()) {
        return Optional.empty();
      }
      stamp.append(" on ").append(file.get());
    }
    return Optional.of(stamp.toString());
  }

  private static String writes(Path directory) {
    String[] columns = BlockSysfs.read(directory.resolve("stat")).split("\\s+", -1);
    StringBuilder text = new StringBuilder();
    for (int column : WRITE_COLUMNS) {
      if (column < columns.length && !columns[column].isEmpty()) {
        text.append(text.length() == 0 ? "" : ",").append(columns[column]);
      }
    }
    return text.toString();
  }
}
