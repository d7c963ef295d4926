package io.sluice.itests;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceRole;
import io.sluice.export.Exporter;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.util.tracker.ServiceTracker;

/** What a test that runs in a framework finds there: services, devices and bundles by name. */
public final class InFramework implements AutoCloseable {
  /** The size of the devices that {@link #file} makes. */
  public static final int DEVICE_SIZE_BYTES = 1 << 20;

  /** What is written and read at once. */
  public static final int BLOCK_SIZE_BYTES = 4096;

  private static final Duration SERVICE_LIMIT = Duration.ofSeconds(20);

  private final BundleContext context;
  private final List<ServiceTracker<?, ?>> trackers = new ArrayList<>();

  /**
   * Looks through the eyes of a bundle.
   *
   * @param context of the test's own bundle
   */
  public InFramework(BundleContext context) {
    this.context = context;
  }

  /** A service, waited for. */
  public <T> T service(Class<T> type) throws InterruptedException {
    return first(new ServiceTracker<>(context, type, null), type.getName());
  }

  /** A device's service, waited for. */
  public BlockDevice device(String name, DeviceRole role) throws Exception {
    String filter =
        String.format(
            "(&(%s=%s)(%s=%s)(%s=%s))",
            Constants.OBJECTCLASS,
            BlockDevice.class.getName(),
            BlockDevice.NAME_PROPERTY,
            name,
            BlockDevice.ROLE_PROPERTY,
            role.property());
    return first(new ServiceTracker<>(context, context.createFilter(filter), null), filter);
  }

  /** The exporter of a kind, waited for. */
  public Exporter exporter(String kind) throws Exception {
    String filter =
        String.format(
            "(&(%s=%s)(sluice.export.kind=%s))",
            Constants.OBJECTCLASS, Exporter.class.getName(), kind);
    return first(new ServiceTracker<>(context, context.createFilter(filter), null), filter);
  }

  private <T> T first(ServiceTracker<T, T> tracker, String what) throws InterruptedException {
    synchronized (trackers) {
      trackers.add(tracker);
    }
    tracker.open();
    T service = tracker.waitForService(SERVICE_LIMIT.toMillis());
    // Not by JUnit: this class runs in frameworks, too, that have none.
    if (service == null) {
      throw new AssertionError("no service " + what + " within " + SERVICE_LIMIT);
    }
    return service;
  }

  /** A bundle that is installed. */
  public Bundle bundle(String symbolicName) {
    return Arrays.stream(context.getBundles())
        .filter(bundle -> symbolicName.equals(bundle.getSymbolicName()))
        .findFirst()
        .orElseThrow(() -> new AssertionError("no bundle " + symbolicName));
  }

  /** Makes a file of {@link #DEVICE_SIZE_BYTES} zeroes; its path. */
  public static String file(Path directory, String name) throws IOException {
    Path path = directory.resolve(name);
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
      file.setLength(DEVICE_SIZE_BYTES);
    }
    return path.toString();
  }

  /** A block of one letter. */
  public static byte[] filled(char letter) {
    byte[] bytes = new byte[BLOCK_SIZE_BYTES];
    Arrays.fill(bytes, (byte) letter);
    return bytes;
  }

  /** Writes through a device. */
  public static void write(BlockDevice device, long offsetBytes, byte[] bytes) throws Exception {
    ByteBuffer data = ByteBuffer.allocateDirect(bytes.length).put(bytes).flip();
    device.submit(new Bio().write(offsetBytes, data, 0));
  }

  /** Reads a block through a device. */
  public static byte[] read(BlockDevice device, long offsetBytes) throws Exception {
    ByteBuffer data = ByteBuffer.allocateDirect(BLOCK_SIZE_BYTES);
    device.submit(new Bio().read(offsetBytes, data));
    byte[] bytes = new byte[BLOCK_SIZE_BYTES];
    data.flip().get(bytes);
    return bytes;
  }

  @Override
  public void close() {
    synchronized (trackers) {
      trackers.forEach(ServiceTracker::close);
      trackers.clear();
    }
  }
}
