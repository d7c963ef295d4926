package io.sluice.nbd.server;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.DeviceRole;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.export.ExportRequest;
import io.sluice.export.RemovalMode;
import io.sluice.nbd.Answers;
import io.sluice.nbd.Conversation;
import io.sluice.nbd.codec.NbdProtocol;
import io.sluice.testing.MemoryDevice;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The edge: sockets, threads, limits, and the end of things. */
@Timeout(60)
class NbdServerTest {
  @TempDir Path directory;

  private final ExportTable table = new ExportTable();
  private final List<NbdServer> servers = new ArrayList<>();
  private final ExecutorService threads = Executors.newCachedThreadPool();

  @AfterEach
  void stop() {
    servers.forEach(NbdServer::close);
    threads.shutdown();
    for (NbdServer server : servers) {
      assertEquals(0, server.connectionCount(), "connections left");
      assertEquals(0, server.takenBytes(), "buffers left");
    }
  }

  private Path socket() {
    return directory.resolve("nbd.sock");
  }

  private NbdServer server() throws ErrnoException {
    return started(
        new NbdServer(table),
        new NbdConfiguration(List.of(socket().toString()), List.of(), false, TlsPolicy.OFF));
  }

  private NbdServer started(NbdServer server, NbdConfiguration configuration)
      throws ErrnoException {
    servers.add(server);
    server.listen(configuration);
    return server;
  }

  private SocketChannel connect() throws IOException {
    return SocketChannel.open(UnixDomainSocketAddress.of(socket()));
  }

  private static void send(SocketChannel client, byte[] bytes) throws IOException {
    ByteBuffer data = ByteBuffer.wrap(bytes);
    while (data.hasRemaining()) {
      client.write(data);
    }
  }

  private static byte[] receive(SocketChannel client, int count) throws IOException {
    ByteBuffer data = ByteBuffer.allocate(count);
    while (data.hasRemaining()) {
      if (client.read(data) < 0) {
        throw new IOException("the server hung up after " + data.position() + " bytes");
      }
    }
    return data.array();
  }

  private static byte[] receiveAll(SocketChannel client) throws IOException {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    ByteBuffer data = ByteBuffer.allocate(65536);
    while (client.read(data) >= 0) {
      all.write(data.array(), 0, data.position());
      data.clear();
    }
    return all.toByteArray();
  }

  private static void await(BooleanSupplier condition, String what) {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (!condition.getAsBoolean()) {
      assertTrue(System.nanoTime() < deadline, what);
      Thread.onSpinWait();
    }
  }

  @Test
  void socketIsPrivateAndGoesWithTheServer() throws Exception {
    NbdServer server = server();
    assertEquals(
        "rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(socket())));
    try (var files = Files.list(directory)) {
      assertEquals(List.of(socket()), files.toList(), "nothing else is left in the directory");
    }
    server.close();
    assertFalse(Files.exists(socket()));
  }

  @Test
  void secondServerIsRefusedAndTheFirstGoesOn() throws Exception {
    server();
    ErrnoException e = assertThrows(ErrnoException.class, this::server);
    assertEquals(Errno.EADDRINUSE, e.errno());
    assertTrue(e.getMessage().contains("another agent"), e.getMessage());
    try (SocketChannel client = connect()) {
      assertEquals("NBDMAGIC", new String(receive(client, 8), UTF_8));
    }
  }

  @Test
  void socketOfADeadServerIsReplaced() throws Exception {
    try (ServerSocketChannel dead = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      dead.bind(UnixDomainSocketAddress.of(socket()));
    }
    assertTrue(Files.exists(socket()), "a socket stays when its server dies");
    server();
    try (SocketChannel client = connect()) {
      assertEquals("NBDMAGIC", new String(receive(client, 8), UTF_8));
    }
  }

  @Test
  void whatIsNoSocketIsNotReplaced() throws Exception {
    Files.writeString(socket(), "precious");
    ErrnoException e = assertThrows(ErrnoException.class, this::server);
    assertEquals(Errno.EEXIST, e.errno());
    assertEquals("precious", Files.readString(socket()));
  }

  @Test
  void remoteListenersNeedLeave() throws Exception {
    for (String address : List.of("0.0.0.0:0", "[::]:0")) {
      ErrnoException e = assertThrows(ErrnoException.class, () -> tcp(address, false));
      assertEquals(Errno.EACCES, e.errno());
      assertTrue(e.getMessage().contains("sluice.nbd.allow-remote"), e.getMessage());
    }
    assertTrue(tcp("0.0.0.0:0", true).addresses("a").get(0).startsWith("nbd://0.0.0.0:"));
  }

  @Test
  void nonsenseAddressesAreRefused() {
    for (String address :
        List.of(
            "", "10809", ":1", "localhost", "127.0.0.1:x", "::1:1", "a:-1", "127.0.0.1:70000")) {
      ErrnoException e = assertThrows(ErrnoException.class, () -> tcp(address, true));
      assertEquals(Errno.EINVAL, e.errno(), address);
    }
  }

  @Test
  void portInUseIsToldAndNothingStaysOpen() throws Exception {
    try (ServerSocketChannel other = ServerSocketChannel.open()) {
      other.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
      String taken = "127.0.0.1:" + ((InetSocketAddress) other.getLocalAddress()).getPort();
      NbdConfiguration both =
          new NbdConfiguration(List.of(socket().toString()), List.of(taken), false, TlsPolicy.OFF);
      ErrnoException e =
          assertThrows(ErrnoException.class, () -> started(new NbdServer(table), both));
      assertEquals(Errno.EADDRINUSE, e.errno());
      assertTrue(e.getMessage().contains(taken), e.getMessage());
      assertFalse(Files.exists(socket()), "all listeners or none");
    }
  }

  private NbdServer tcp(String address, boolean allowRemote) throws ErrnoException {
    return started(
        new NbdServer(table),
        new NbdConfiguration(List.of(), List.of(address), allowRemote, TlsPolicy.OFF));
  }

  @Test
  void addressesAreUris() throws Exception {
    Path folder = Files.createDirectory(directory.resolve("a b"));
    NbdServer server =
        started(
            new NbdServer(table),
            new NbdConfiguration(
                List.of(folder.resolve("s").toString()), List.of("[::1]:0"), false, TlsPolicy.OFF));
    List<String> addresses = server.addresses("disk@x/\u00e4 ?");
    assertEquals(
        "nbd+unix:///disk@x%2F%C3%A4%20%3F?socket=" + directory + "/a%20b/s", addresses.get(0));
    assertTrue(addresses.get(1).matches("nbd://\\[[0:]*1]:\\d+/disk@x%2F.*"), addresses.get(1));
  }

  @Test
  void silentClientIsCutAndAnAgreedOneIsNot() throws Exception {
    table.deviceCame("disk", "", DeviceRole.LIVE, new MemoryDevice(1 << 20));
    started(
        new NbdServer(table, Access.usual(), null, TimeUnit.MILLISECONDS.toNanos(300)),
        new NbdConfiguration(List.of(socket().toString()), List.of(), false, TlsPolicy.OFF));
    try (SocketChannel agreed = connect();
        SocketChannel silent = connect()) {
      send(agreed, Conversation.simple("disk").toBytes());
      assertEquals(18, receiveAll(silent).length, "the greeting, then the end");
      send(agreed, new Conversation().read(1, 0, 512).disconnect().toBytes());
      Answers answers = new Answers(receiveAll(agreed)).pastSimple();
      assertEquals(1, answers.reply(512).cookie());
    }
  }

  @Test
  void connectionsOfOneClientAreLimited() throws Exception {
    NbdServer server = server();
    List<SocketChannel> clients = new ArrayList<>();
    try {
      fill(clients, NbdServer.CONNECTIONS_PER_CLIENT_MAX, this::connect);
      refused(this::connect);
      clients.remove(0).close();
      await(() -> server.connectionCount() < NbdServer.CONNECTIONS_PER_CLIENT_MAX, "none left");
      fill(clients, 1, this::connect);
    } finally {
      for (SocketChannel client : clients) {
        client.close();
      }
    }
  }

  @Test
  void connectionsOfAListenerAreLimited() throws Exception {
    NbdServer server = tcp("127.0.0.1:0", false);
    int port = URI.create(server.addresses("x").get(0)).getPort();
    List<SocketChannel> clients = new ArrayList<>();
    try {
      int clientCount =
          NbdServer.CONNECTIONS_PER_LISTENER_MAX / NbdServer.CONNECTIONS_PER_CLIENT_MAX;
      for (int i = 1; i <= clientCount; i++) {
        String from = "127.0.1." + i;
        fill(clients, NbdServer.CONNECTIONS_PER_CLIENT_MAX, () -> connect(from, port));
      }
      refused(() -> connect("127.0.2.1", port));
      clients.remove(0).close();
      await(() -> server.connectionCount() < NbdServer.CONNECTIONS_PER_LISTENER_MAX, "none left");
      fill(clients, 1, () -> connect("127.0.2.1", port));
    } finally {
      for (SocketChannel client : clients) {
        client.close();
      }
    }
  }

  private interface Connect {
    SocketChannel now() throws IOException;
  }

  private static SocketChannel connect(String from, int port) throws IOException {
    SocketChannel client = SocketChannel.open();
    client.bind(new InetSocketAddress(InetAddress.getAllByName(from)[0], 0));
    client.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
    return client;
  }

  private static void fill(List<SocketChannel> clients, int count, Connect connect)
      throws IOException {
    for (int i = 0; i < count; i++) {
      SocketChannel client = connect.now();
      clients.add(client);
      receive(client, 18);
    }
  }

  private static void refused(Connect connect) throws IOException {
    try (SocketChannel tooMany = connect.now()) {
      assertEquals(0, receiveAll(tooMany).length);
    }
  }

  @Test
  void clientsComeAndGo() throws Exception {
    table.deviceCame("disk", "", DeviceRole.LIVE, new MemoryDevice(1 << 20));
    server();
    byte[] said = Conversation.structured("disk").read(1, 0, 4096).disconnect().toBytes();
    for (int i = 0; i < 100; i++) {
      try (SocketChannel client = connect()) {
        send(client, said);
        assertEquals(1, new Answers(receiveAll(client)).pastStructured().reply(4096).cookie());
      }
    }
  }

  /** Holds one request until it is let go. */
  private static final class Held extends MemoryDevice {
    private final CountDownLatch entered = new CountDownLatch(1);
    private final CountDownLatch leave = new CountDownLatch(1);

    Held() {
      super(1 << 20);
    }

    @Override
    public void submit(Bio bio) throws ErrnoException {
      if (bio.offsetBytes() == 4096) {
        entered.countDown();
        try {
          assertTrue(leave.await(20, TimeUnit.SECONDS), "nobody let the request go");
        } catch (InterruptedException e) {
          throw new ErrnoException(Errno.EINTR, "a connection's thread was interrupted", e);
        }
      }
      super.submit(bio);
    }
  }

  @Test
  void requestUnderWayIsFinishedWhenTheServerStops() throws Exception {
    Held device = new Held();
    table.deviceCame("disk", "", DeviceRole.LIVE, device);
    NbdServer server = server();
    try (SocketChannel client = connect()) {
      send(client, Conversation.structured("disk").read(1, 4096, 512).toBytes());
      assertTrue(device.entered.await(20, TimeUnit.SECONDS));
      assertEquals(1, server.clientCount("disk"));
      assertEquals(1, device.holders.size());
      Future<?> closing = threads.submit(server::close);
      await(() -> !Files.exists(socket()), "the socket is still there");
      device.leave.countDown();
      Answers answers = new Answers(receiveAll(client)).pastStructured();
      assertEquals(0, answers.reply(512).error());
      closing.get(20, TimeUnit.SECONDS);
    }
    assertEquals(List.of(), device.holders);
  }

  @Test
  void idleClientsAreLetGoWithTheirDeviceAndOthersStay() throws Exception {
    MemoryDevice disk = new MemoryDevice(1 << 20);
    table.deviceCame("disk", "", DeviceRole.LIVE, disk);
    table.deviceCame("other", "", DeviceRole.LIVE, new MemoryDevice(1 << 20));
    NbdServer server = server();
    try (SocketChannel client = connect();
        SocketChannel other = connect()) {
      send(client, Conversation.simple("disk").toBytes());
      send(other, Conversation.simple("other").toBytes());
      await(() -> server.clientCount("disk") + server.clientCount("other") == 2, "no clients");
      table.deviceWent(disk);
      server.endSessions(export -> export.device().equals(disk));
      assertEquals(0, server.clientCount("disk"));
      assertTrue(receiveAll(client).length > 18);
      send(other, new Conversation().read(1, 0, 512).disconnect().toBytes());
      assertEquals(1, new Answers(receiveAll(other)).pastSimple().reply(512).cookie());
    }
    assertEquals(List.of(), disk.holders);
  }

  @Test
  void removedNameLetsItsClientsGoAndNotTheDevices() throws Exception {
    table.deviceCame("disk", "", DeviceRole.LIVE, new MemoryDevice(1 << 20));
    NbdServer server = server();
    NbdExporter exporter =
        new NbdExporter(
            table, new ConfiguredExports(table, Access.usual()), Access.usual(), server);
    exporter.add(new ExportRequest("disk", "extra", true));
    try (SocketChannel own = connect();
        SocketChannel extra = connect()) {
      send(own, Conversation.simple("disk").toBytes());
      send(extra, Conversation.simple("extra").toBytes());
      await(() -> server.clientCount("disk") + server.clientCount("extra") == 2, "no clients");
      exporter.remove("extra", RemovalMode.SOFT);
      Answers answers = new Answers(receiveAll(extra));
      ByteBuffer info = ByteBuffer.wrap(answers.option().data());
      assertTrue((info.getShort(10) & NbdProtocol.FLAG_READ_ONLY) != 0, "the wish was read-only");
      assertEquals(1, server.clientCount("disk"));
    }
  }

  @Test
  void clientThatNeverReadsDoesNotKeepTheServer() throws Exception {
    table.deviceCame("disk", "", DeviceRole.LIVE, new MemoryDevice(8 << 20));
    NbdServer server = server();
    try (SocketChannel client = connect()) {
      Conversation said = Conversation.simple("disk");
      for (int i = 0; i < 100; i++) {
        said.read(i, 0, 8 << 20);
      }
      send(client, said.toBytes());
      await(() -> server.clientCount("disk") == 1, "no client");
      server.close();
      assertEquals(0, server.connectionCount());
    }
  }
}
