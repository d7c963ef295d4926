package io.sluice.fuse.session;

import io.sluice.block.DeviceGeometry;
import io.sluice.fuse.codec.FuseLimits;
import io.sluice.fuse.codec.FuseProtocol;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The memory of one thread: a request lies in it so that a write's data are page-aligned, as a
 * device with direct I/O needs them, and a read's data take the same place, behind the reply's
 * header.
 */
public final class RequestMemory {
  static final int PAGE_BYTES = 4096;

  /** Where data begin; in front of them are headers. */
  static final int DATA_START = PAGE_BYTES;

  /** Where requests begin. */
  public static final int REQUEST_START =
      DATA_START - FuseProtocol.IN_HEADER_BYTES - FuseProtocol.IO_ARGUMENT_BYTES;

  /** A read of whole blocks, of which the first and the last are wanted in part. */
  static final int DATA_BYTES = FuseLimits.IO_MAX_BYTES + 2 * DeviceGeometry.BLOCK_SIZE_MAX_BYTES;

  /** What a request may take, from {@link #REQUEST_START}. */
  public static final int REQUEST_MAX_BYTES = DATA_START - REQUEST_START + FuseLimits.IO_MAX_BYTES;

  private static final int BLOCK_START = DATA_START + DATA_BYTES;
  private static final int MEMORY_BYTES = BLOCK_START + DeviceGeometry.BLOCK_SIZE_MAX_BYTES;

  /** What each costs, with what aligning takes. */
  public static final int COST_BYTES = MEMORY_BYTES + 2 * PAGE_BYTES;

  private final ByteBuffer whole;
  private final ByteBuffer data;
  private final ByteBuffer block;

  /**
   * Takes {@link #COST_BYTES} of direct memory.
   *
   * @throws OutOfMemoryError if there is none left
   */
  public RequestMemory() {
    whole =
        ByteBuffer.allocateDirect(COST_BYTES)
            .alignedSlice(PAGE_BYTES)
            .slice(0, MEMORY_BYTES)
            .order(ByteOrder.nativeOrder());
    data = whole.slice(DATA_START, DATA_BYTES);
    block = whole.slice(BLOCK_START, DeviceGeometry.BLOCK_SIZE_MAX_BYTES);
  }

  /** All of it, in the byte order of the machine. */
  public ByteBuffer whole() {
    return whole;
  }

  /** A part of the data, from {@link #DATA_START} on, as its position and limit. */
  ByteBuffer data(int fromBytes, int lengthBytes) {
    return data.clear().position(fromBytes).limit(fromBytes + lengthBytes);
  }

  /** Room for one block, apart from the data. */
  ByteBuffer block(int blockBytes) {
    return block.clear().limit(blockBytes);
  }
}
