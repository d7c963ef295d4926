package io.sluice.block;

import java.io.Closeable;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * Anything that can be read in blocks. Live devices and images are OSGi services of this type with
 * the properties {@link #NAME_PROPERTY} and {@link #ROLE_PROPERTY}; an export knows nothing else.
 *
 * <p>All methods may be called from any thread, at the same time. Two bios that overlap and run at
 * the same time take effect in either order, sector by sector; a bio that was submitted after
 * another returned sees its effect.
 */
@ConsumerType
public interface BlockDevice {
  /** Service property: the device's name, such as {@code "disk"} or {@code "disk@nightly"}. */
  String NAME_PROPERTY = "sluice.device.name";

  /** Service property: {@link DeviceRole#property()}. */
  String ROLE_PROPERTY = "sluice.device.role";

  /** Service property: one line for people, as an NBD client shows it. Optional. */
  String DESCRIPTION_PROPERTY = "sluice.device.description";

  /** The device as it is now. Cheap: callers ask per request. */
  DeviceGeometry geometry();

  /**
   * Serves one bio in the caller's thread and returns when it is complete.
   *
   * <p>When this returns, a read's bytes are in the buffer, and a write is what later reads see; it
   * is durable only after a FLUSH, or if it had {@link Bio#FUA}. The device may not keep the bio or
   * its buffer. It may split a bio, so a failed write may have been stored in part.
   *
   * @throws ErrnoException EINVAL, ENOSPC, EPERM, ENOTSUP as {@link DeviceGeometry#check} says; EIO
   *     and what the storage below reports; ESHUTDOWN once the device is removed
   */
  void submit(Bio bio) throws ErrnoException;

  /**
   * Tells where the range holds data, and where it is a hole or reads as zeroes. The answer is true
   * at some moment during the call; it may always say {@link ExtentVisitor#DATA} to be safe.
   *
   * @param offsetBytes a multiple of the block size, inside the device
   * @param lengthBytes at least 1; clipped at the device's end
   * @param visitor called in this thread, at least once; the device may stop before the range's
   *     end, and neighbours may have the same state
   * @throws ErrnoException EINVAL for a range outside the device, EIO and the like from below
   */
  default void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor)
      throws ErrnoException {
    long sizeBytes = geometry().sizeBytes();
    if (offsetBytes < 0 || lengthBytes < 1 || offsetBytes >= sizeBytes) {
      throw new ErrnoException(
          Errno.EINVAL,
          "block status of "
              + offsetBytes
              + "+"
              + lengthBytes
              + ": outside the device of "
              + sizeBytes
              + " bytes");
    }
    visitor.extent(Math.min(lengthBytes, sizeBytes - offsetBytes), ExtentVisitor.DATA);
  }

  /**
   * Whether {@link #submit} usually waits for a device rather than copying memory. A caller with
   * several bios at hand then spreads them over threads, so that the device sees its queue depth; a
   * caller with one serves it in place.
   */
  default boolean mayBlock() {
    return false;
  }

  /**
   * Marks the device as in use until the result is closed: it can't be removed, and the refusal
   * names the holder. Closing twice is harmless.
   *
   * @param holder who, for people: {@code "NBD client uid 1000"}
   * @throws ErrnoException ESHUTDOWN if the device is being removed
   */
  default Closeable hold(String holder) throws ErrnoException {
    return () -> {};
  }

  /**
   * As {@link #hold(String)}, by a holder whose text changes, or that lets go when it is asked.
   *
   * @throws ErrnoException ESHUTDOWN if the device is being removed
   */
  default Closeable hold(DeviceHolder holder) throws ErrnoException {
    return hold(holder.text());
  }
}
