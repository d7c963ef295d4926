package io.sluice.fuse.codec;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * One request, read in place. {@link #decode} checks lengths, so that no accessor of what an
 * operation has can leave the request; values are for the session to check. Made to be reused; not
 * thread-safe.
 */
public final class Request {
  private static final int EXTENSION_UNIT_BYTES = 8;
  private static final int FORGET_BYTES = 16;

  private final ByteBuffer memory;
  private final int startBytes;
  private final int argumentStart;
  private int argumentBytes;

  /**
   * @param memory in the byte order of the machine
   * @param startBytes where requests begin in it
   */
  public Request(ByteBuffer memory, int startBytes) {
    this.memory = memory;
    this.startBytes = startBytes;
    this.argumentStart = startBytes + FuseProtocol.IN_HEADER_BYTES;
  }

  /**
   * Takes the request that lies in the memory now.
   *
   * @param receivedBytes what the kernel said it was long
   * @throws MalformedRequestException if it is shorter than its operation needs, or than it says
   */
  public void decode(int receivedBytes) throws MalformedRequestException {
    if (receivedBytes < FuseProtocol.IN_HEADER_BYTES) {
      throw new MalformedRequestException(
          receivedBytes + " bytes, less than the header of " + FuseProtocol.IN_HEADER_BYTES);
    }
    int lengthBytes = memory.getInt(startBytes);
    int extensionBytes =
        Short.toUnsignedInt(memory.getShort(startBytes + 36)) * EXTENSION_UNIT_BYTES;
    argumentBytes = receivedBytes - FuseProtocol.IN_HEADER_BYTES - extensionBytes;
    if (lengthBytes != receivedBytes || argumentBytes < 0) {
      argumentBytes = 0;
      throw new MalformedRequestException(
          receivedBytes
              + " bytes, but its header says "
              + Integer.toUnsignedString(lengthBytes)
              + " with extensions of "
              + extensionBytes);
    }
    checkArguments();
  }

  private void checkArguments() throws MalformedRequestException {
    long needed = leastArgumentBytes(opcode());
    if (argumentBytes >= needed) {
      if (opcode() == FuseProtocol.WRITE) {
        needed += Integer.toUnsignedLong(sizeBytes());
      } else if (opcode() == FuseProtocol.BATCH_FORGET) {
        needed += (long) FORGET_BYTES * Integer.toUnsignedLong(argumentInt(0));
      }
    }
    if (argumentBytes < needed) {
      throw new MalformedRequestException(
          "operation "
              + opcode()
              + " with arguments of "
              + argumentBytes
              + " bytes, which need "
              + needed);
    }
  }

  /** Of the arguments that are read here; others have none that matter. */
  private static int leastArgumentBytes(int opcode) {
    return switch (opcode) {
      case FuseProtocol.READ, FuseProtocol.READDIR, FuseProtocol.READDIRPLUS, FuseProtocol.WRITE ->
          FuseProtocol.IO_ARGUMENT_BYTES;
      case FuseProtocol.SETATTR -> 88;
      case FuseProtocol.FALLOCATE -> 32;
      case FuseProtocol.LSEEK, FuseProtocol.RELEASE -> 24;
      case FuseProtocol.INIT, FuseProtocol.FSYNC -> 16;
      case FuseProtocol.OPEN, FuseProtocol.BATCH_FORGET -> 8;
      default -> 0;
    };
  }

  /** What to do, one of {@link FuseProtocol}'s, or another. */
  public int opcode() {
    return memory.getInt(startBytes + 4);
  }

  /** What the reply has to bear. */
  public long unique() {
    return memory.getLong(startBytes + 8);
  }

  /** The inode that it is about. */
  public long nodeId() {
    return memory.getLong(startBytes + 16);
  }

  /** Whose process asks. */
  public int uid() {
    return memory.getInt(startBytes + 24);
  }

  /** Which process asks; 0 for one of another name space. */
  public int pid() {
    return memory.getInt(startBytes + 32);
  }

  /** The file handle of READ, WRITE, RELEASE, FSYNC, FALLOCATE, LSEEK. */
  public long handle() {
    return argumentLong(0);
  }

  /** The offset of READ, WRITE, READDIR, READDIRPLUS, FALLOCATE, LSEEK; may be negative. */
  public long offsetBytes() {
    return argumentLong(8);
  }

  /** The size of READ, WRITE, READDIR, READDIRPLUS, as an unsigned number. */
  public int sizeBytes() {
    return argumentInt(16);
  }

  /** The flags that the file is open with: of READ and WRITE. */
  public int ioOpenFlags() {
    return argumentInt(32);
  }

  /** The flags of OPEN. */
  public int openFlags() {
    return argumentInt(0);
  }

  /** The length of FALLOCATE; may be negative. */
  public long fallocateBytes() {
    return argumentLong(16);
  }

  /** The mode of FALLOCATE. */
  public int fallocateMode() {
    return argumentInt(24);
  }

  /** What LSEEK looks for. */
  public int whence() {
    return argumentInt(16);
  }

  /** What SETATTR changes. */
  public int changed() {
    return argumentInt(0);
  }

  /** The size that SETATTR sets; may be negative. */
  public long newSizeBytes() {
    return argumentLong(16);
  }

  /** The major version that INIT offers. */
  public int major() {
    return argumentInt(0);
  }

  /** The minor version that INIT offers. */
  public int minor() {
    return argumentInt(4);
  }

  /** How far the kernel would read ahead. */
  public int maxReadaheadBytes() {
    return argumentInt(8);
  }

  /** What the kernel can do, the second word of flags in the upper half. */
  public long capabilities() {
    long first = Integer.toUnsignedLong(argumentInt(12));
    boolean more = (first & Init.INIT_EXT) != 0 && argumentBytes >= 20;
    return more ? first | (long) argumentInt(16) << Integer.SIZE : first;
  }

  /**
   * The name of LOOKUP.
   *
   * @throws MalformedRequestException if it does not end in a zero, or is empty or too long
   */
  public String name() throws MalformedRequestException {
    int length = argumentBytes - 1;
    if (length < 1
        || length > FuseLimits.NAME_MAX_BYTES
        || memory.get(argumentStart + length) != 0) {
      throw new MalformedRequestException(
          "name of " + length + " bytes, or without its closing zero");
    }
    byte[] bytes = new byte[length];
    memory.get(argumentStart, bytes);
    return new String(bytes, StandardCharsets.UTF_8);
  }

  private int argumentInt(int offset) {
    return memory.getInt(argumentStart + offset);
  }

  private long argumentLong(int offset) {
    return memory.getLong(argumentStart + offset);
  }
}
