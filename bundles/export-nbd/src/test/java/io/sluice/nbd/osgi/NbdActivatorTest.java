package io.sluice.nbd.osgi;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.export.ExportInfo;
import io.sluice.export.Exporter;
import io.sluice.nbd.Conversation;
import io.sluice.swap.HandOver;
import io.sluice.swap.Swappable;
import io.sluice.testing.MemoryDevice;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.BundleContext;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.ServiceReference;
import org.osgi.framework.ServiceRegistration;
import org.osgi.framework.launch.Framework;
import org.osgi.framework.launch.FrameworkFactory;

/** The activator on a real framework: devices in, control out, and the same backwards. */
@Timeout(60)
class NbdActivatorTest {
  @TempDir Path directory;

  private final Map<String, String> properties = new HashMap<>();
  private final NbdActivator activator = new NbdActivator();
  private Framework framework;

  private BundleContext framework() throws Exception {
    BundleContext context = startingFramework();
    framework.start();
    return context;
  }

  private BundleContext startingFramework() throws Exception {
    properties.put("org.osgi.framework.storage", directory.resolve("felix").toString());
    properties.put("sluice.run.dir", directory.resolve("run").toString());
    framework =
        ServiceLoader.load(FrameworkFactory.class)
            .findFirst()
            .orElseThrow()
            .newFramework(properties);
    framework.init();
    return framework.getBundleContext();
  }

  @AfterEach
  void stop() throws Exception {
    framework.stop();
    framework.waitForStop(10_000);
  }

  private static ServiceRegistration<BlockDevice> register(
      BundleContext context, String name, String role) {
    return context.registerService(
        BlockDevice.class,
        new MemoryDevice(4096),
        FrameworkUtil.asDictionary(
            Map.of(BlockDevice.NAME_PROPERTY, name, BlockDevice.ROLE_PROPERTY, role)));
  }

  private static List<String> names(BundleContext context) {
    ServiceReference<Exporter> reference = context.getServiceReference(Exporter.class);
    return context.getService(reference).list().stream().map(ExportInfo::name).toList();
  }

  @Test
  void devicesComeAndGo() throws Exception {
    properties.put("sluice.nbd.tcp", "127.0.0.1:0, [::1]:0");
    BundleContext context = framework();
    register(context, "early", "live");
    activator.start(context);
    register(context, "hidden", "origin");
    ServiceRegistration<BlockDevice> image = register(context, "early@a", "image");
    assertEquals(List.of("early", "early@a"), names(context));
    ServiceReference<Exporter> reference = context.getServiceReference(Exporter.class);
    List<String> addresses = context.getService(reference).list().get(0).addresses();
    assertEquals(3, addresses.size());
    assertEquals("nbd+unix:///early?socket=" + directory.resolve("run/nbd.sock"), addresses.get(0));
    image.unregister();
    assertEquals(List.of("early"), names(context));
    activator.stop(context);
    assertEquals(null, context.getServiceReference(Exporter.class));
    assertFalse(Files.exists(directory.resolve("run/nbd.sock")));
  }

  /** As if the client's coming had started the agent. */
  @Test
  void aClientThatCameBeforeTheDevicesWaitsForThem() throws Exception {
    BundleContext context = startingFramework();
    activator.start(context);
    try (SocketChannel client =
        SocketChannel.open(UnixDomainSocketAddress.of(directory.resolve("run/nbd.sock")))) {
      client.write(ByteBuffer.wrap(Conversation.simple("").disconnect().toBytes()));
      client.configureBlocking(false);
      assertEquals(0, read(client), "nobody is greeted before all bundles have started");
      register(context, "late", "live");
      framework.start();
      client.configureBlocking(true);
      ByteBuffer answer = ByteBuffer.allocate(4096);
      while (client.read(answer) >= 0) {
        assertTrue(answer.hasRemaining());
      }
      String text = new String(answer.array(), 0, answer.position(), ISO_8859_1);
      assertFalse(text.contains("no export"), text);
    }
    activator.stop(context);
  }

  @Test
  void refusedListenerFailsTheStartAndLeavesNothing() throws Exception {
    properties.put("sluice.nbd.tcp", "0.0.0.0:0");
    BundleContext context = framework();
    ErrnoException e = assertThrows(ErrnoException.class, () -> activator.start(context));
    assertEquals(Errno.EACCES, e.errno());
    assertTrue(e.getMessage().contains("sluice.nbd.allow-remote=true"), e.getMessage());
    assertFalse(Files.exists(directory.resolve("run/nbd.sock")));
    assertEquals(null, context.getServiceReference(Exporter.class));
  }

  @Test
  void theNextStartWaitsForWhatTheLastOneHandedOver() throws Exception {
    BundleContext context = framework();
    register(context, "disk", "live");
    activator.start(context);
    Path socket = directory.resolve("run/nbd.sock");
    Object inode = Files.getAttribute(socket, "unix:ino");
    try (SocketChannel client = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
      assertEquals(18, read(client));
      HandOver handOver = swappable(context).handOver(Duration.ofSeconds(20));
      activator.stop(context);
      NbdActivator next = new NbdActivator();
      next.start(context);
      assertEquals(inode, Files.getAttribute(socket, "unix:ino"), "the socket is not made anew");
      swappable(context).takeOver(handOver);
      assertEquals(List.of("disk"), names(context));
      client.write(ByteBuffer.wrap(Conversation.simple("disk").disconnect().toBytes()));
      assertTrue(read(client) > 0, "the handshake goes on");
      next.stop(context);
      assertFalse(Files.exists(socket));
    }
    activator.start(context);
    assertTrue(Files.exists(socket), "a stop without a hand-over leaves no note");
    activator.stop(context);
  }

  private static Swappable swappable(BundleContext context) {
    return context.getService(context.getServiceReference(Swappable.class));
  }

  /** How many bytes come at once. */
  private static int read(SocketChannel client) throws IOException {
    return client.read(ByteBuffer.allocate(4096));
  }
}
