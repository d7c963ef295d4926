package io.sluice.fuse.codec;

import java.nio.ByteBuffer;
import java.util.concurrent.TimeUnit;

/**
 * One reply, put together in place. Its header stands directly in front of what it carries, so that
 * data go to the kernel from where they are, in one piece. Made to be reused; not thread-safe.
 */
public final class Reply {
  private static final int ATTRIBUTES_BYTES = 88;
  private static final int ATTRIBUTES_REPLY_BYTES = 16 + ATTRIBUTES_BYTES;
  private static final int OPEN_BYTES = 16;
  private static final int WRITE_BYTES = 8;
  private static final int LSEEK_BYTES = 8;
  private static final int STATFS_BYTES = 80;
  private static final int INIT_BYTES = 64;
  private static final int PAGE_BYTES = 4096;
  private static final long SECOND_NANOS = TimeUnit.SECONDS.toNanos(1);

  static final int ENTRY_BYTES = 40 + ATTRIBUTES_BYTES;

  private final ByteBuffer memory;
  private final int bodyStart;
  private int startBytes;
  private int lengthBytes;

  /**
   * @param memory in the byte order of the machine
   * @param bodyStart where what a reply carries is put, but for data; has room for the header in
   *     front
   */
  public Reply(ByteBuffer memory, int bodyStart) {
    this.memory = memory;
    this.bodyStart = bodyStart;
  }

  /** Where the reply begins in the memory. */
  public int startBytes() {
    return startBytes;
  }

  /** The reply's length; 0 if there is none to send. */
  public int lengthBytes() {
    return lengthBytes;
  }

  /** There is nothing to send. */
  public void none() {
    lengthBytes = 0;
  }

  /**
   * The request failed, or succeeded with nothing to tell.
   *
   * @param errno positive, or 0 for success
   */
  public void status(long unique, int errno) {
    header(unique, bodyStart, 0);
    memory.putInt(startBytes + 4, -errno);
  }

  /** Bytes that lie in the memory, with room for the header in front, which is overwritten. */
  public void data(long unique, int dataStart, int dataBytes) {
    header(unique, dataStart, dataBytes);
  }

  /** Answers LOOKUP. Names and attributes are to be asked for again each time. */
  public void entry(long unique, Attributes attributes) {
    header(unique, bodyStart, ENTRY_BYTES);
    putEntry(memory, bodyStart, attributes);
  }

  /** Answers GETATTR and SETATTR. */
  public void attributes(long unique, Attributes attributes) {
    header(unique, bodyStart, ATTRIBUTES_REPLY_BYTES);
    clear(memory, bodyStart, 16);
    putAttributes(memory, bodyStart + 16, attributes);
  }

  /** Answers OPEN and OPENDIR. */
  public void opened(long unique, long handle, int flags) {
    header(unique, bodyStart, OPEN_BYTES);
    memory.putLong(bodyStart, handle);
    memory.putInt(bodyStart + 8, flags);
    memory.putInt(bodyStart + 12, 0);
  }

  /** Answers WRITE. */
  public void written(long unique, int bytes) {
    header(unique, bodyStart, WRITE_BYTES);
    memory.putInt(bodyStart, bytes);
    memory.putInt(bodyStart + 4, 0);
  }

  /** Answers LSEEK. */
  public void found(long unique, long offsetBytes) {
    header(unique, bodyStart, LSEEK_BYTES);
    memory.putLong(bodyStart, offsetBytes);
  }

  /** Answers STATFS: a file system without room of its own. */
  public void fileSystem(long unique, int fileCount) {
    header(unique, bodyStart, STATFS_BYTES);
    clear(memory, bodyStart, STATFS_BYTES);
    memory.putLong(bodyStart + 24, fileCount);
    memory.putInt(bodyStart + 40, PAGE_BYTES);
    memory.putInt(bodyStart + 44, FuseLimits.NAME_MAX_BYTES);
    memory.putInt(bodyStart + 48, PAGE_BYTES);
  }

  /** Answers INIT. */
  public void init(long unique, Init init) {
    header(unique, bodyStart, INIT_BYTES);
    clear(memory, bodyStart, INIT_BYTES);
    memory.putInt(bodyStart, FuseProtocol.MAJOR);
    memory.putInt(bodyStart + 4, init.minor());
    memory.putInt(bodyStart + 8, init.maxReadaheadBytes());
    memory.putInt(bodyStart + 12, (int) init.flags());
    memory.putShort(bodyStart + 16, (short) FuseLimits.BACKGROUND_MAX);
    memory.putShort(bodyStart + 18, (short) FuseLimits.CONGESTION_THRESHOLD);
    memory.putInt(bodyStart + 20, FuseLimits.IO_MAX_BYTES);
    memory.putInt(bodyStart + 24, 1);
    memory.putShort(bodyStart + 28, (short) (FuseLimits.IO_MAX_BYTES / PAGE_BYTES));
    memory.putInt(bodyStart + 32, (int) (init.flags() >>> Integer.SIZE));
  }

  private void header(long unique, int bodyAt, int bodyBytes) {
    startBytes = bodyAt - FuseProtocol.OUT_HEADER_BYTES;
    lengthBytes = FuseProtocol.OUT_HEADER_BYTES + bodyBytes;
    memory.putInt(startBytes, lengthBytes);
    memory.putInt(startBytes + 4, 0);
    memory.putLong(startBytes + 8, unique);
  }

  static void putEntry(ByteBuffer memory, int at, Attributes attributes) {
    clear(memory, at, 40);
    memory.putLong(at, attributes.inode());
    putAttributes(memory, at + 40, attributes);
  }

  private static void putAttributes(ByteBuffer memory, int at, Attributes attributes) {
    long seconds = Math.floorDiv(attributes.changedNanos(), SECOND_NANOS);
    int nanos = (int) Math.floorMod(attributes.changedNanos(), SECOND_NANOS);
    memory.putLong(at, attributes.inode());
    memory.putLong(at + 8, attributes.sizeBytes());
    memory.putLong(at + 16, attributes.sectorCount());
    for (int i = 0; i < 3; i++) {
      memory.putLong(at + 24 + 8 * i, seconds);
      memory.putInt(at + 48 + 4 * i, nanos);
    }
    memory.putInt(at + 60, attributes.mode());
    memory.putInt(at + 64, attributes.linkCount());
    memory.putInt(at + 68, attributes.uid());
    memory.putInt(at + 72, attributes.gid());
    memory.putInt(at + 76, 0);
    memory.putInt(at + 80, attributes.preferredSizeBytes());
    memory.putInt(at + 84, 0);
  }

  static void clear(ByteBuffer memory, int at, int bytes) {
    for (int i = 0; i < bytes; i += Integer.BYTES) {
      memory.putInt(at + i, 0);
    }
  }
}
