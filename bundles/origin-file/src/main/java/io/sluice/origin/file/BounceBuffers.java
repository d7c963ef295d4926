package io.sluice.origin.file;

import io.sluice.block.ErrnoException;
import io.sluice.linux.SteadyChannel;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Direct I/O for buffers at any address: those that are not aligned go by way of aligned ones, of
 * which there is a fixed number, made when first needed. Who finds none free waits.
 */
final class BounceBuffers {
  static final int BUFFER_SIZE_BYTES = 256 << 10;
  static final int BUFFER_COUNT_MAX = 16;

  private final int alignmentBytes;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition given = lock.newCondition();
  private final ArrayDeque<ByteBuffer> free = new ArrayDeque<>(BUFFER_COUNT_MAX);
  private int madeCount;

  BounceBuffers(int alignmentBytes) {
    this.alignmentBytes = alignmentBytes;
  }

  boolean aligned(ByteBuffer data) {
    return data.isDirect() && data.alignmentOffset(data.position(), alignmentBytes) == 0;
  }

  void read(SteadyChannel channel, long offsetBytes, ByteBuffer data) throws ErrnoException {
    ByteBuffer aligned = take();
    try {
      for (long at = offsetBytes; data.hasRemaining(); at += aligned.limit()) {
        aligned.clear().limit(Math.min(data.remaining(), aligned.capacity()));
        channel.readFully(at, aligned);
        data.put(aligned.flip());
      }
    } finally {
      give(aligned);
    }
  }

  void write(SteadyChannel channel, long offsetBytes, ByteBuffer data) throws ErrnoException {
    int end = data.limit();
    ByteBuffer aligned = take();
    try {
      for (long at = offsetBytes; data.position() < end; at += aligned.limit()) {
        aligned.clear();
        data.limit(data.position() + Math.min(end - data.position(), aligned.capacity()));
        aligned.put(data).flip();
        channel.writeFully(at, aligned);
      }
    } finally {
      data.limit(end);
      give(aligned);
    }
  }

  private ByteBuffer take() {
    lock.lock();
    try {
      while (free.isEmpty() && madeCount == BUFFER_COUNT_MAX) {
        given.awaitUninterruptibly();
      }
      if (free.isEmpty()) {
        ByteBuffer made =
            ByteBuffer.allocateDirect(BUFFER_SIZE_BYTES + alignmentBytes)
                .alignedSlice(alignmentBytes);
        madeCount++;
        return made;
      }
      return free.pop();
    } finally {
      lock.unlock();
    }
  }

  private void give(ByteBuffer aligned) {
    lock.lock();
    try {
      free.push(aligned);
      given.signal();
    } finally {
      lock.unlock();
    }
  }
}
