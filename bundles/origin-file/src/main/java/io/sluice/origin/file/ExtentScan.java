package io.sluice.origin.file;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import io.sluice.linux.ControlDescriptor;

/** Tells a regular file's data from its holes, by lseek. */
final class ExtentScan {
  private static final int HOLE = ExtentVisitor.HOLE | ExtentVisitor.ZERO;

  private final ControlDescriptor control;
  private volatile boolean tells = true;

  ExtentScan(ControlDescriptor control) {
    this.control = control;
  }

  /**
   * Visits the range's extents, their ends rounded to blocks such that a hole never holds data.
   *
   * @param startBytes a multiple of the block size
   * @param endBytes above it; the last extent ends there
   */
  void visit(long startBytes, long endBytes, int blockSizeBytes, ExtentVisitor visitor)
      throws ErrnoException {
    long at = startBytes;
    while (at < endBytes) {
      long dataAt = nextData(at);
      boolean lastHole = dataAt < 0;
      if (lastHole) {
        // What is cut off reads as an error, not as zeroes, so it is no hole.
        dataAt = control.sizeBytes();
      }
      long holeEnd = Math.max(at, Math.min(endBytes, dataAt & -blockSizeBytes));
      if (holeEnd > at && !visitor.extent(holeEnd - at, HOLE)) {
        return;
      }
      at = holeEnd;
      if (at < endBytes) {
        long dataEnd = lastHole ? endBytes : dataEnd(Math.max(at, dataAt), endBytes);
        // At least one block, even if somebody has just punched a hole there.
        dataEnd = Math.max(at + blockSizeBytes, dataEnd + blockSizeBytes - 1 & -blockSizeBytes);
        dataEnd = Math.min(dataEnd, endBytes);
        if (!visitor.extent(dataEnd - at, ExtentVisitor.DATA)) {
          return;
        }
        at = dataEnd;
      }
    }
  }

  private long nextData(long atBytes) throws ErrnoException {
    if (tells) {
      try {
        return control.nextDataBytes(atBytes);
      } catch (ErrnoException e) {
        stopAsking(e);
      }
    }
    return atBytes;
  }

  private long dataEnd(long dataBytes, long endBytes) throws ErrnoException {
    if (tells) {
      try {
        long holeAt = control.nextHoleBytes(dataBytes);
        return holeAt < 0 ? endBytes : Math.min(holeAt, endBytes);
      } catch (ErrnoException e) {
        stopAsking(e);
      }
    }
    return endBytes;
  }

  private void stopAsking(ErrnoException e) throws ErrnoException {
    if (e.errno() != Errno.EINVAL && e.errno() != Errno.ENOTSUP) {
      throw e;
    }
    tells = false;
  }
}
