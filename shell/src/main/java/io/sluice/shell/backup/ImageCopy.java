package io.sluice.shell.backup;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.shell.tool.ByteSize;
import io.sluice.snapshot.SectorRange;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Copies what a node holds, whole or in ranges. The work is cut into steps, each of which may be
 * repeated, for the source stands still. One thread.
 */
final class ImageCopy {
  private static final int SECTOR_BYTES = 512;

  /** What one run of qemu-img copies. */
  static final long PIECE_BYTES = 256L << 20;

  /** What one run of qemu-io copies, and in how many reads. */
  static final long BATCH_BYTES = 256L << 20;

  static final int BATCH_READS = 512;

  /** The longest read; qemu-io allocates a buffer of that length. */
  static final long READ_BYTES = 16L << 20;

  private final String label;
  private final QemuTools tools;
  private final Tries tries;
  private final Work work;
  private final Node source;
  private final long sizeBytes;
  private final boolean chain;

  /**
   * @param label what progress is told of
   * @param source what is copied
   * @param sizeBytes its size
   * @param chain whether the source is a file that may lie on others. It is copied in one piece
   *     then: qemu (7.2) takes what such a file does not have itself for zeroes once only a part of
   *     it is looked at
   */
  ImageCopy(
      String label,
      QemuTools tools,
      Tries tries,
      Work work,
      Node source,
      long sizeBytes,
      boolean chain) {
    this.label = label;
    this.tools = tools;
    this.tries = tries;
    this.work = work;
    this.source = source;
    this.sizeBytes = sizeBytes;
    this.chain = chain;
  }

  /**
   * Copies all of the source into a file that is made for it; zeroes take no space there.
   *
   * @return how many bytes were copied, zeroes among them
   */
  long toFile(BackupFormat format, String file) throws ErrnoException {
    tools.need(
        List.of("qemu-img", "create", "-q", "-f", format.id(), file, Long.toString(sizeBytes)));
    copy(() -> Sources.file(format, file), "--target-is-zero");
    return sizeBytes;
  }

  /** Copies all of the source over a device of the same size. */
  void onto(Node device) throws ErrnoException {
    copy(device);
  }

  private void copy(Node target, String... options) throws ErrnoException {
    long pieceBytes = chain ? sizeBytes : PIECE_BYTES;
    for (long offset = 0; offset < sizeBytes; offset += pieceBytes) {
      long offsetBytes = offset;
      long lengthBytes = Math.min(pieceBytes, sizeBytes - offset);
      tries.run(
          () -> {
            List<String> command = new ArrayList<>(List.of("qemu-img", "convert", "-p", "-n"));
            command.addAll(List.of(options));
            command.addAll(List.of("-W", "-m", "8"));
            command.add(
                Sources.name(
                    chain ? source.find() : Sources.part(source.find(), offsetBytes, lengthBytes)));
            command.add(Sources.name(Sources.part(target.find(), offsetBytes, lengthBytes)));
            tools.need(
                command, percent -> tell(offsetBytes + lengthBytes / 100 * percent, sizeBytes));
          });
    }
  }

  /**
   * Copies ranges of the source into a new qcow2 file that lies on {@code base}. At first the file
   * lies on the source itself and is read with copy-on-read, so that the clusters at the edges of
   * ranges are whole and right; then its base is put in the source's place.
   *
   * @param base a file in the same directory
   * @return how many bytes the ranges have
   */
  long ranges(List<SectorRange> ranges, String file, String base, BackupFormat baseFormat)
      throws ErrnoException {
    tries.run(() -> tools.need(createOnSource(file)));
    long totalBytes = ranges.stream().mapToLong(range -> range.sectorCount() * SECTOR_BYTES).sum();
    Batch batch = new Batch(file, totalBytes);
    for (SectorRange range : ranges) {
      long offsetBytes = range.firstSector() * SECTOR_BYTES;
      long endBytes = offsetBytes + range.sectorCount() * SECTOR_BYTES;
      while (offsetBytes < endBytes) {
        long lengthBytes = Math.min(READ_BYTES, endBytes - offsetBytes);
        batch.add(offsetBytes, lengthBytes);
        offsetBytes += lengthBytes;
      }
    }
    batch.read();
    tools.need(List.of("qemu-img", "rebase", "-u", "-b", base, "-F", baseFormat.id(), file));
    return totalBytes;
  }

  private List<String> createOnSource(String file) throws ErrnoException {
    String backing = Sources.name(Sources.raw(source.find()));
    return List.of("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", backing, file);
  }

  /**
   * Whether a file reads as the source does.
   *
   * @throws ErrnoException EIO if it does not; the message says from where on
   */
  void compare(BackupFormat format, String file) throws ErrnoException {
    work.progress(label + ": comparing");
    QemuTools.Result[] last = new QemuTools.Result[1];
    tries.run(
        () -> {
          last[0] =
              tools.run(
                  List.of(
                      "qemu-img",
                      "compare",
                      Sources.name(source.find()),
                      Sources.name(Sources.file(format, file))));
          if (last[0].status() > 1) {
            throw new ErrnoException(Errno.EIO, "qemu-img compare: " + last[0].lastLine());
          }
        });
    if (last[0].status() != 0) {
      throw new ErrnoException(
          Errno.EIO,
          label + ": " + file + " is not equal to what it was made of: " + last[0].lastLine());
    }
  }

  /** Reads that one run of qemu-io makes. */
  private final class Batch {
    private final String file;
    private final long totalBytes;
    private final List<String> reads = new ArrayList<>();
    private long batchBytes;
    private long doneBytes;

    Batch(String file, long totalBytes) {
      this.file = file;
      this.totalBytes = totalBytes;
    }

    void add(long offsetBytes, long lengthBytes) throws ErrnoException {
      reads.add("read -q " + offsetBytes + " " + lengthBytes);
      batchBytes += lengthBytes;
      if (reads.size() == BATCH_READS || batchBytes >= BATCH_BYTES) {
        read();
      }
    }

    void read() throws ErrnoException {
      if (reads.isEmpty()) {
        return;
      }
      List<String> command = new ArrayList<>(List.of("qemu-io", "-f", "qcow2", "-C"));
      for (String read : reads) {
        command.add("-c");
        command.add(read);
      }
      command.add(file);
      tries.run(() -> tools.need(command));
      reads.clear();
      doneBytes += batchBytes;
      batchBytes = 0;
      tell(doneBytes, totalBytes);
    }
  }

  private void tell(long doneBytes, long totalBytes) {
    work.progress(
        String.format(
            Locale.ROOT,
            "%s: %s of %s, %d%%",
            label,
            ByteSize.human(doneBytes),
            ByteSize.human(totalBytes),
            totalBytes == 0 ? 100 : (int) (100.0 * doneBytes / totalBytes)));
  }
}
