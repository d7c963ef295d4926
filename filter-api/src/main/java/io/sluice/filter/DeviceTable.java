package io.sluice.filter;

import io.sluice.block.ErrnoException;
import io.sluice.block.OriginOptions;
import java.util.List;
import org.osgi.annotation.versioning.ProviderType;

/** The live devices. An OSGi service; all methods may be called from any thread. */
@ProviderType
public interface DeviceTable {
  /** The most bytes of a device's name. */
  int NAME_MAX_BYTES = 64;

  /**
   * Opens an origin and publishes its live device as a {@link io.sluice.block.BlockDevice} service.
   *
   * @param name letters, digits, {@code . _ -}; at most {@link #NAME_MAX_BYTES} bytes; does not
   *     start with {@code .} or {@code -}
   * @throws ErrnoException EINVAL for the name; EEXIST if it is taken; else what {@link
   *     io.sluice.block.OriginProvider#open} throws
   */
  DeviceInfo add(String name, String path, OriginOptions options) throws ErrnoException;

  /**
   * Withdraws a device and closes its origin.
   *
   * @throws ErrnoException ENODEV if it is not there; EBUSY, naming them, while filters are
   *     attached or somebody holds it
   */
  void remove(String name) throws ErrnoException;

  /** All devices, by name. */
  List<DeviceInfo> list();

  /**
   * One device.
   *
   * @throws ErrnoException ENODEV if it is not there
   */
  DeviceInfo info(String name) throws ErrnoException;

  /**
   * The name of the device that a word means: a name, or any path that leads to the origin (the
   * same file, a link to it, its block special file, {@code /dev/block/M:m}), to the file or NBD
   * export that it is served as, or to a loop device on any of these.
   *
   * @throws ErrnoException ENODEV if it leads to none; the message lists the names there are
   */
  String resolve(String nameOrPath) throws ErrnoException;

  /**
   * What a device has done since it was added.
   *
   * @throws ErrnoException ENODEV if it is not there
   */
  DeviceStats stats(String name) throws ErrnoException;
}
