package io.sluice.fuse.codec;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** Puts a directory's entries down one after the other, as far as there is room. */
public final class DirectoryEntries {
  private static final int HEADER_BYTES = 24;
  private static final int MODE_SHIFT = 12;

  private final ByteBuffer memory;
  private final int startBytes;
  private final int limitBytes;
  private final boolean withAttributes;
  private int usedBytes;

  /**
   * @param memory in the byte order of the machine
   * @param startBytes where the first one goes
   * @param limitBytes how much they may take together
   * @param withAttributes as READDIRPLUS wants them
   */
  public DirectoryEntries(
      ByteBuffer memory, int startBytes, int limitBytes, boolean withAttributes) {
    this.memory = memory;
    this.startBytes = startBytes;
    this.limitBytes = limitBytes;
    this.withAttributes = withAttributes;
  }

  /**
   * Adds an entry.
   *
   * @param name at most {@link FuseLimits#NAME_MAX_BYTES} long
   * @param cookie where to go on after this one
   * @param looksUp whether READDIRPLUS looks the entry up with it; not so for "." and ".."
   * @return false if there is no room for it; nothing has changed then
   */
  public boolean add(String name, long cookie, Attributes attributes, boolean looksUp) {
    byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
    int entryBytes = withAttributes ? Reply.ENTRY_BYTES : 0;
    int wholeBytes = (entryBytes + HEADER_BYTES + bytes.length + 7) & ~7;
    if (wholeBytes > limitBytes - usedBytes) {
      return false;
    }
    int at = startBytes + usedBytes;
    Reply.clear(memory, at, wholeBytes);
    if (withAttributes && looksUp) {
      Reply.putEntry(memory, at, attributes);
    }
    at += entryBytes;
    memory.putLong(at, attributes.inode());
    memory.putLong(at + 8, cookie);
    memory.putInt(at + 16, bytes.length);
    memory.putInt(at + 20, attributes.mode() >>> MODE_SHIFT);
    memory.put(at + HEADER_BYTES, bytes);
    usedBytes += wholeBytes;
    return true;
  }

  /** How much they take. */
  public int usedBytes() {
    return usedBytes;
  }
}
