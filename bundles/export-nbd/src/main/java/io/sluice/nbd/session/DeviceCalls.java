package io.sluice.nbd.session;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.nbd.codec.NbdProtocol;
import io.sluice.nbd.codec.Request;
import java.nio.ByteBuffer;
import java.util.function.LongSupplier;

/** Calls a device and brings home whatever it throws as an errno. Has one bio: one thread. */
final class DeviceCalls {
  private final BlockDevice device;
  private final LatencyGauge gauge;
  private final LongSupplier nanoClock;
  private final Bio bio = new Bio();

  /**
   * @param gauge learns how long some of the calls take
   */
  DeviceCalls(BlockDevice device, LatencyGauge gauge, LongSupplier nanoClock) {
    this.device = device;
    this.gauge = gauge;
    this.nanoClock = nanoClock;
  }

  /** Reads into {@code data}; null, or why it failed. */
  ErrnoException read(long offsetBytes, ByteBuffer data) {
    return submit(bio.read(offsetBytes, data));
  }

  /** Writes {@code data}; null, or why it failed. */
  ErrnoException write(long offsetBytes, ByteBuffer data, boolean fua) {
    return submit(bio.write(offsetBytes, data, fua ? Bio.FUA : 0));
  }

  /** Flushes; null, or why it failed. */
  ErrnoException flush() {
    return submit(bio.flush());
  }

  /** Serves FLUSH, TRIM and WRITE_ZEROES; null, or why it failed. */
  ErrnoException perform(Request request) {
    int fua = request.has(NbdProtocol.CMD_FLAG_FUA) ? Bio.FUA : 0;
    long offsetBytes = request.offsetBytes();
    long lengthBytes = request.lengthBytes();
    if (request.type() == NbdProtocol.CMD_FLUSH) {
      // Nothing can be pending on a device that takes no writes and therefore no flush.
      return flushes() || !device.geometry().readOnly() ? flush() : null;
    }
    if (lengthBytes == 0) {
      return null;
    }
    if (request.type() == NbdProtocol.CMD_TRIM) {
      return submit(bio.discard(offsetBytes, lengthBytes, fua));
    }
    int flags =
        fua
            | (request.has(NbdProtocol.CMD_FLAG_NO_HOLE) ? Bio.NO_UNMAP : 0)
            | (request.has(NbdProtocol.CMD_FLAG_FAST_ZERO) ? Bio.FAST_ONLY : 0);
    return submit(bio.writeZeroes(offsetBytes, lengthBytes, flags));
  }

  /** Whether the device has a flush. */
  boolean flushes() {
    return device.geometry().ops().contains(BioOp.FLUSH);
  }

  private ErrnoException submit(Bio bio) {
    try {
      if (gauge.wants(bio)) {
        long startNanos = nanoClock.getAsLong();
        device.submit(bio);
        gauge.record(nanoClock.getAsLong() - startNanos);
      } else {
        device.submit(bio);
      }
      // A device that leaves a part of a read's buffer as it was would hand out other clients'
      // bytes.
      if (bio.op().carriesData() && bio.data().hasRemaining()) {
        return new ErrnoException(
            Errno.EIO, bio + ": the device left " + bio.data().remaining() + " bytes undone");
      }
      return null;
    } catch (ErrnoException e) {
      return e;
    } catch (RuntimeException | Error e) {
      return fault(bio.toString(), e);
    }
  }

  /** A fault in a filter fails one request, not the connection. */
  static ErrnoException fault(String what, Throwable e) {
    return new ErrnoException(Errno.EIO, what + ": fault in the device's filters: " + e, e);
  }
}
