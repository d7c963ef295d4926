package io.sluice.filter;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import java.util.List;
import java.util.Map;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * A filter on one device. The least useful filter overrides {@link #submit} alone.
 *
 * <p>{@link #submit}, {@link #status} and {@link #ctl} are called from many threads at once. What
 * the first two throw beyond {@link ErrnoException} is a fault of the filter: it is counted and
 * named, and the device goes on without the filter or fails, as the attachment's {@link OnError}
 * says. A fault in a command fails that command alone, with EIO.
 */
@ConsumerType
public interface Filter {
  /**
   * Meets one bio on its way down, in the thread of whoever submitted it. To return is to complete
   * the bio, to throw is to fail it. So the filter may pass it ({@code next.submit(bio)}, any
   * number of times, with the buffer's position reset between), complete it alone, delay it by
   * waiting, or submit bios of its own in its place.
   *
   * @param bio of an operation in {@link FilterOperations#ops()}, checked against the device's
   *     geometry; not to be changed, and neither it nor its buffer to be kept beyond the return
   * @param next the chain below, for use inside this call only
   * @throws ErrnoException fails the bio with this error, which the client sees
   */
  void submit(Bio bio, BlockDevice next) throws ErrnoException;

  /**
   * Block status as seen above this filter. A filter that changes what reads return must override
   * it; the default passes the question down.
   */
  default void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor, BlockDevice next)
      throws ErrnoException {
    next.status(offsetBytes, lengthBytes, visitor);
  }

  /**
   * A command that {@link FilterOperations#commands()} declares, with arguments that fit it. Runs
   * beside bios.
   *
   * @return names and plain values (strings, numbers, booleans, lists and maps of these), in the
   *     order they are to be shown; may be empty
   * @param arguments as they were typed; see {@link CtlCommand#arguments}
   * @throws ErrnoException EINVAL for arguments that are out of range
   */
  default Map<String, Object> ctl(String command, List<String> arguments) throws ErrnoException {
    throw new ErrnoException(
        Errno.ENOTTY, "filter command \"" + command + "\": this filter takes no commands");
  }

  /**
   * Whether the filter can leave now, asked before the device is frozen for a detach or removal.
   *
   * @throws ErrnoException EBUSY with the reason and what to do; the filter stays
   */
  default void checkDetach() throws ErrnoException {}

  /**
   * Options that make an equal filter, asked when its bundle is replaced by another version and
   * when the configuration is saved: what commands have changed since the attach is in them.
   *
   * @param attached the options it was attached with
   */
  default Map<String, String> options(Map<String, String> attached) {
    return attached;
  }

  /**
   * The filter was at fault and is put aside; told once, before any bio goes past it, in the thread
   * that met the fault, or in one of the registry's own if a call of the filter hangs. What relies
   * on having seen every write has to be given up here. Must not throw, nor take long.
   *
   * @param fault what happened, in a sentence
   */
  default void quarantined(String fault) {}

  /**
   * The device's origin has gone: every bio fails from now on. Told once. The filter stays attached
   * until it is detached. Must not throw, nor take long.
   *
   * @param reason what happened, in a sentence
   */
  default void deviceLost(String reason) {}

  /**
   * The filter has left the chain; the device is still frozen, and no call is running or will come.
   * Must not throw, nor take long.
   */
  default void detach() {}
}
