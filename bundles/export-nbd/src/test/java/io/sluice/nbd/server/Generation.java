package io.sluice.nbd.server;

import io.sluice.block.BlockDevice;
import io.sluice.block.ErrnoException;
import io.sluice.swap.HandOver;
import io.sluice.swap.Swappable;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * A server whose classes another class loader has, as after a bundle's update: nothing but types of
 * the JDK and the API can pass from one to the next.
 */
final class Generation implements Swappable, AutoCloseable {
  private final Object inside;

  private Generation(Object inside) {
    this.inside = inside;
  }

  /** Loads the module's classes and tests by itself, all else as the tests do. */
  static final class Loader extends URLClassLoader {
    Loader() {
      super(new URL[] {where(NbdServer.class), where(Generation.class)});
    }

    private static URL where(Class<?> type) {
      return type.getProtectionDomain().getCodeSource().getLocation();
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
      synchronized (getClassLoadingLock(name)) {
        Class<?> loaded = findLoadedClass(name);
        if (loaded == null) {
          loaded =
              name.startsWith("io.sluice.nbd.") ? findClass(name) : super.loadClass(name, false);
        }
        return loaded;
      }
    }
  }

  /**
   * Starts a server.
   *
   * @param devices live ones, by name
   * @param successor whether it waits for what another one hands over
   */
  static Generation start(
      Loader loader,
      Path socket,
      List<String> tcp,
      Map<String, BlockDevice> devices,
      boolean successor)
      throws Exception {
    try {
      return new Generation(
          loader
              .loadClass(Inside.class.getName())
              .getDeclaredConstructor(Path.class, List.class, Map.class, boolean.class)
              .newInstance(socket, tcp, devices, successor));
    } catch (InvocationTargetException e) {
      throw e.getCause() instanceof Exception cause ? cause : e;
    }
  }

  @Override
  public HandOver handOver(Duration limit) throws ErrnoException {
    return ((Swappable) inside).handOver(limit);
  }

  @Override
  public void takeOver(HandOver handOver) throws ErrnoException {
    ((Swappable) inside).takeOver(handOver);
  }

  @Override
  public void close() {
    try {
      ((AutoCloseable) inside).close();
    } catch (Exception e) {
      throw new AssertionError("the end of a server failed", e);
    }
  }

  /** What the other class loader makes of this class. Public for {@link Generation#start}. */
  public static final class Inside implements Swappable, AutoCloseable {
    private final NbdServer server;
    private final NbdSwap swap;

    public Inside(
        Path socket, List<String> tcp, Map<String, BlockDevice> devices, boolean successor)
        throws IOException {
      ExportTable table = new ExportTable();
      devices.forEach(
          (name, device) -> table.deviceCame(name, "", io.sluice.block.DeviceRole.LIVE, device));
      server = new NbdServer(table);
      swap =
          new NbdSwap(
              table,
              new ConfiguredExports(table, Access.usual()),
              server,
              new NbdConfiguration(List.of(socket.toString()), tcp, false, TlsPolicy.OFF));
      if (!successor && devices.containsKey("disk")) {
        table.add(new io.sluice.export.ExportRequest("disk", "extra", true));
      }
      swap.start(successor);
    }

    @Override
    public HandOver handOver(Duration limit) throws ErrnoException {
      return swap.handOver(limit);
    }

    @Override
    public void takeOver(HandOver handOver) throws ErrnoException {
      swap.takeOver(handOver);
    }

    @Override
    public void close() {
      server.close();
      if (server.connectionCount() != 0 || server.takenBytes() != 0) {
        throw new AssertionError(
            server.connectionCount() + " clients and " + server.takenBytes() + " bytes are left");
      }
    }
  }
}
