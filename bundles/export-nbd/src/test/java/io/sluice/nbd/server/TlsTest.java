package io.sluice.nbd.server;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.DeviceRole;
import io.sluice.block.Errno;
import io.sluice.export.ExportChange;
import io.sluice.nbd.Conversation;
import io.sluice.nbd.codec.NbdProtocol;
import io.sluice.nbd.tls.Certificates;
import io.sluice.nbd.tls.TlsServer;
import io.sluice.testing.MemoryDevice;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLSocket;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** TLS as a client meets it: one that is right, and those that are not. */
@Timeout(120)
class TlsTest {
  @TempDir static Path made;
  @TempDir static Path foreign;
  private static Certificates certificates;
  private static Certificates strangers;

  @TempDir Path directory;

  private final MemoryDevice disk = new MemoryDevice(4 << 20);
  private final ExportTable table = new ExportTable();
  private final Access access = Access.usual();
  private NbdServer server;
  private NbdExporter exporter;

  @BeforeAll
  static void make() throws Exception {
    certificates =
        new Certificates(made)
            .sign("server", "ip:127.0.0.1")
            .sign("second", "ip:127.0.0.1")
            .sign("alice", "dns:backup-1.example")
            .sign("bob", "dns:other.example");
    strangers = new Certificates(foreign).sign("alice", "dns:backup-1.example");
  }

  private void start(String tls, boolean verifyPeer) throws Exception {
    table.deviceCame("disk", "", DeviceRole.LIVE, disk);
    TlsServer made = new TlsServer(certificates.serve("server", directory), verifyPeer);
    server = new NbdServer(table, access, made);
    exporter = new NbdExporter(table, new ConfiguredExports(table, access), access, server);
    server.listen(
        new NbdConfiguration(List.of(), List.of("127.0.0.1:0;tls=" + tls), false, TlsPolicy.OFF));
  }

  @AfterEach
  void stop() {
    server.close();
    assertEquals(0, server.connectionCount());
    assertEquals(0, server.takenBytes(), "buffers left");
    assertEquals(List.of(), disk.holders);
  }

  /** One connection, plain at first. */
  private final class Link implements AutoCloseable {
    private Socket socket;
    private DataInputStream in;

    Link() throws IOException {
      socket =
          new Socket(
              InetAddress.getLoopbackAddress(), URI.create(server.addresses("x").get(0)).getPort());
      socket.setSoTimeout(30_000);
      in = new DataInputStream(socket.getInputStream());
      say(Conversation.modern());
      in.readFully(new byte[18]);
    }

    void say(Conversation said) throws IOException {
      socket.getOutputStream().write(said.toBytes());
    }

    /** The type of the reply to an option. */
    int option(int option, byte[] data) throws IOException {
      say(new Conversation().option(option, data));
      return reply();
    }

    int reply() throws IOException {
      int type;
      do {
        assertEquals(NbdProtocol.OPTION_REPLY_MAGIC, in.readLong());
        in.readInt();
        type = in.readInt();
        in.skipNBytes(in.readInt());
      } while (type > 0 && type != NbdProtocol.REP_ACK);
      return type;
    }

    /** As {@link Certificates#client}; {@code protocol} null for all. */
    Link secure(Certificates own, String name, String protocol) throws Exception {
      assertEquals(NbdProtocol.REP_ACK, option(NbdProtocol.OPT_STARTTLS, new byte[0]));
      SSLSocket secured =
          (SSLSocket)
              own.client(name)
                  .getSocketFactory()
                  .createSocket(socket, "127.0.0.1", socket.getPort(), true);
      if (protocol != null) {
        secured.setEnabledProtocols(new String[] {protocol});
      }
      secured.startHandshake();
      socket = secured;
      in = new DataInputStream(secured.getInputStream());
      return this;
    }

    Link secure() throws Exception {
      return secure(certificates, null, null);
    }

    int go() throws IOException {
      return option(NbdProtocol.OPT_GO, Conversation.info("disk"));
    }

    void simpleReply(long cookie, int error) throws IOException {
      assertEquals(NbdProtocol.SIMPLE_REPLY_MAGIC, in.readInt());
      assertEquals(error, in.readInt());
      assertEquals(cookie, in.readLong());
    }

    /** The client is told nothing more. */
    void assertEnded() throws IOException {
      try {
        assertEquals(-1, in.read());
      } catch (SocketException | SSLException e) {
        assertTrue(e.getMessage() != null, "a reset is an end too");
      }
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }
  }

  private void servesAll(String protocol) throws Exception {
    byte[] data = new byte[1 << 20];
    new Random(7).nextBytes(data);
    try (Link link = new Link().secure(certificates, null, protocol)) {
      assertEquals(NbdProtocol.REP_ACK, link.go());
      link.say(new Conversation().write(1, 12345, data));
      link.simpleReply(1, 0);
      assertArrayEquals(data, Arrays.copyOfRange(disk.bytes, 12345, 12345 + data.length));
      for (int length : new int[] {1, 512, 16384, 65536, 1 << 20}) {
        link.say(new Conversation().read(length, 12345, length));
        link.simpleReply(length, 0);
        assertArrayEquals(Arrays.copyOf(data, length), link.in.readNBytes(length));
      }
      link.say(new Conversation().disconnect());
      link.assertEnded();
    }
  }

  @Test
  void tls13ServesAll() throws Exception {
    start("allowed", false);
    servesAll("TLSv1.3");
  }

  @Test
  void tls12ServesAll() throws Exception {
    start("allowed", false);
    servesAll("TLSv1.2");
  }

  @Test
  void olderVersionsAreNot() throws Exception {
    start("allowed", false);
    try (Link link = new Link()) {
      assertEquals(NbdProtocol.REP_ACK, link.option(NbdProtocol.OPT_STARTTLS, new byte[0]));
      // A hello of TLS 1.1, which this JDK does not say by itself any more.
      byte[] hello = new byte[5 + 4 + 2 + 32 + 1 + 4 + 2];
      hello[0] = 22;
      hello[1] = 3;
      hello[2] = 1;
      hello[4] = (byte) (hello.length - 5);
      hello[5] = 1;
      hello[8] = (byte) (hello.length - 9);
      hello[9] = 3;
      hello[10] = 2;
      hello[45] = 2;
      hello[46] = (byte) 0xc0;
      hello[47] = 0x13;
      hello[48] = 1;
      link.socket.getOutputStream().write(hello);
      assertEquals(21, link.in.read(), "an alert");
      link.in.readNBytes(4);
      assertEquals(2, link.in.read(), "a fatal one");
      assertEquals(70, link.in.read(), "of the protocol's version");
      link.assertEnded();
    }
  }

  @Test
  void whatWasAgreedBeforeIsForgottenAndTwiceIsInvalid() throws Exception {
    start("allowed", false);
    try (Link link = new Link()) {
      link.option(NbdProtocol.OPT_STRUCTURED_REPLY, new byte[0]);
      byte[] query = Conversation.query("disk", NbdProtocol.BASE_ALLOCATION);
      assertEquals(NbdProtocol.REP_ACK, link.option(NbdProtocol.OPT_SET_META_CONTEXT, query));
      link.secure();
      assertEquals(
          NbdProtocol.REP_ERR_INVALID, link.option(NbdProtocol.OPT_SET_META_CONTEXT, query));
      assertEquals(NbdProtocol.REP_ERR_INVALID, link.option(NbdProtocol.OPT_STARTTLS, new byte[0]));
      assertEquals(NbdProtocol.REP_ACK, link.go());
      link.say(new Conversation().read(1, 0, 512));
      link.simpleReply(1, 0);
    }
  }

  @Test
  void plainTextBehindStartTlsEndsTheConnection() throws Exception {
    start("allowed", false);
    try (Link link = new Link()) {
      link.say(
          new Conversation()
              .option(NbdProtocol.OPT_STARTTLS, new byte[0])
              .option(NbdProtocol.OPT_LIST, new byte[0]));
      assertEquals(NbdProtocol.REP_ACK, link.reply());
      link.assertEnded();
    }
  }

  @Test
  void startTlsTakesNoDataAndIsNotOfferedWithoutCertificates() throws Exception {
    start("allowed", false);
    try (Link link = new Link()) {
      assertEquals(NbdProtocol.REP_ERR_INVALID, link.option(NbdProtocol.OPT_STARTTLS, new byte[1]));
      link.secure();
    }
    server.close();
    server = new NbdServer(table);
    server.listen(new NbdConfiguration(List.of(), List.of("127.0.0.1:0"), false, TlsPolicy.OFF));
    table.restart();
    try (Link link = new Link()) {
      assertEquals(NbdProtocol.REP_ERR_UNSUP, link.option(NbdProtocol.OPT_STARTTLS, new byte[0]));
    }
  }

  @Test
  void requiredTlsTalksOfNothingElse() throws Exception {
    start("required", false);
    assertTrue(server.addresses("disk").get(0).startsWith("nbds://127.0.0.1:"));
    try (Link link = new Link()) {
      for (int option :
          new int[] {
            NbdProtocol.OPT_LIST,
            NbdProtocol.OPT_INFO,
            NbdProtocol.OPT_GO,
            NbdProtocol.OPT_STRUCTURED_REPLY,
            NbdProtocol.OPT_EXTENDED_HEADERS,
            NbdProtocol.OPT_LIST_META_CONTEXT,
            NbdProtocol.OPT_SET_META_CONTEXT,
            77
          }) {
        assertEquals(
            NbdProtocol.REP_ERR_TLS_REQD, link.option(option, new byte[3]), "option " + option);
      }
      assertEquals(NbdProtocol.REP_ACK, link.secure().go());
    }
    try (Link link = new Link()) {
      assertEquals(NbdProtocol.REP_ACK, link.option(NbdProtocol.OPT_ABORT, new byte[0]));
    }
    try (Link link = new Link()) {
      link.say(new Conversation().option(NbdProtocol.OPT_EXPORT_NAME, "disk".getBytes(UTF_8)));
      link.assertEnded();
    }
  }

  @Test
  void anExportMayAskForTls() throws Exception {
    start("allowed", false);
    table.deviceCame("open", "", DeviceRole.LIVE, new MemoryDevice(512));
    table.deviceCame("disk@a", "", DeviceRole.IMAGE, new MemoryDevice(512));
    exporter.change(new ExportChange("disk", null, null, Map.of("tls", "required")));
    try (Link link = new Link()) {
      assertEquals(List.of("open"), names(link), "the image is as its device");
      assertEquals(NbdProtocol.REP_ERR_TLS_REQD, link.go());
      assertEquals(
          NbdProtocol.REP_ERR_TLS_REQD,
          link.option(NbdProtocol.OPT_GO, Conversation.info("disk@a")));
      assertEquals(List.of("disk", "disk@a", "open"), names(link.secure()));
      assertEquals(NbdProtocol.REP_ACK, link.go());
    }
  }

  private static List<String> names(Link link) throws IOException {
    link.say(new Conversation().option(NbdProtocol.OPT_LIST, new byte[0]));
    List<String> names = new java.util.ArrayList<>();
    while (true) {
      link.in.readLong();
      link.in.readInt();
      int type = link.in.readInt();
      byte[] data = link.in.readNBytes(link.in.readInt());
      if (type == NbdProtocol.REP_ACK) {
        return names;
      }
      assertEquals(NbdProtocol.REP_SERVER, type);
      int length = java.nio.ByteBuffer.wrap(data).getInt();
      names.add(new String(data, 4, length, UTF_8));
    }
  }

  @Test
  void whoMustShowACertificateMustShowARightOne() throws Exception {
    start("required", true);
    try (Link link = new Link().secure(certificates, "alice", null)) {
      assertEquals(NbdProtocol.REP_ACK, link.go());
    }
    assertThrows(IOException.class, this::withoutCertificate);
    assertThrows(IOException.class, this::withAStrangersCertificate);
    assertEquals(0, server.clientCount("disk"));
  }

  private void withoutCertificate() throws Exception {
    try (Link link = new Link().secure(certificates, null, null)) {
      link.go();
    }
  }

  /** It trusts the server all the same, so it fails by what it shows. */
  private void withAStrangersCertificate() throws Exception {
    Files.copy(
        foreign.resolve("alice.p12"),
        made.resolve("stranger.p12"),
        java.nio.file.StandardCopyOption.REPLACE_EXISTING);
    assertEquals(true, strangers != null);
    try (Link link = new Link().secure(certificates, "stranger", null)) {
      link.go();
    }
  }

  @Test
  void namesInCertificatesDecide() throws Exception {
    start("allowed", false);
    exporter.change(
        new ExportChange("disk", null, null, Map.of("tls", "required", "allow", "cert:backup-*")));
    try (Link link = new Link().secure(certificates, "alice", null)) {
      assertEquals(List.of("disk"), names(link));
      assertEquals(NbdProtocol.REP_ACK, link.go());
      assertEquals(
          List.of("127.0.0.1:" + link.socket.getLocalPort() + " (alice)"),
          server.peers(export -> true));
    }
    for (String other : new String[] {"bob", null}) {
      try (Link link = new Link().secure(certificates, other, null)) {
        assertEquals(List.of(), names(link));
        assertEquals(NbdProtocol.REP_ERR_POLICY, link.go());
      }
    }
  }

  @Test
  void rulesChangeForTheNextClient() throws Exception {
    start("allowed", false);
    try (Link link = new Link()) {
      exporter.configure(Map.of("allow", "cert:alice"));
      assertEquals(Map.of("allow", "cert:alice"), exporter.options());
      assertEquals(NbdProtocol.REP_ERR_POLICY, link.go(), "it is in the handshake yet");
      assertEquals(List.of(), names(link));
    }
    try (Link link = new Link().secure(certificates, "alice", null)) {
      assertEquals(NbdProtocol.REP_ACK, link.go());
      exporter.configure(Map.of("allow", "address:10.0.0.0/8"));
      link.say(new Conversation().read(1, 0, 512));
      link.simpleReply(1, 0);
    }
    assertThrows(IOException.class, Link::new, "no certificate can help");
    exporter.configure(Map.of());
    try (Link link = new Link()) {
      assertEquals(NbdProtocol.REP_ACK, link.go());
    }
  }

  @Test
  void changedFilesAreForTheNextClientAndBadOnesForNobody() throws Exception {
    start("allowed", false);
    assertEquals("CN=server", subject());
    certificates.serve("second", directory);
    assertEquals("CN=second", subject());
    Files.writeString(directory.resolve("server-key.pem"), "nonsense");
    assertEquals("CN=second", subject(), "it goes on with what it has");
  }

  private String subject() throws Exception {
    try (Link link = new Link().secure()) {
      return ((X509Certificate) ((SSLSocket) link.socket).getSession().getPeerCertificates()[0])
          .getSubjectX500Principal()
          .getName();
    }
  }

  @Test
  void aSecondHandshakeIsNotTaken() throws Exception {
    start("allowed", false);
    try (Link link = new Link().secure(certificates, null, "TLSv1.2")) {
      assertEquals(NbdProtocol.REP_ACK, link.go());
      assertThrows(IOException.class, () -> again(link));
    }
  }

  private static void again(Link link) throws IOException {
    ((SSLSocket) link.socket).startHandshake();
    InputStream in = link.socket.getInputStream();
    assertTrue(in.read() < 0);
    throw new IOException("ended");
  }

  @Test
  void anUpdateLeavesItBehindAndItIsTold() throws Exception {
    start("allowed", false);
    try (Link secured = new Link().secure();
        Link plain = new Link()) {
      assertEquals(NbdProtocol.REP_ACK, secured.go());
      assertEquals(NbdProtocol.REP_ACK, plain.go());
      NbdServer.AtRest atRest = server.rest(TimeUnit.SECONDS.toNanos(20));
      assertEquals(1, atRest.clients().size(), "the plain one");
      secured.say(new Conversation().read(1, 0, 512));
      secured.simpleReply(1, 0);
      secured.in.readNBytes(512);
      atRest.goOn();
      Thread end = new Thread(server::close);
      end.start();
      assertTrue(isToldShutdown(secured), "it is served until then, and told");
      end.join();
    }
  }

  /** Asks until it is told so, or the end comes first, as it may on a slow machine. */
  private static boolean isToldShutdown(Link link) throws IOException {
    try {
      for (int cookie = 2; ; cookie++) {
        link.say(new Conversation().read(cookie, 0, 512));
        assertEquals(NbdProtocol.SIMPLE_REPLY_MAGIC, link.in.readInt());
        int error = link.in.readInt();
        assertEquals(cookie, link.in.readLong());
        if (error != 0) {
          return error == Errno.ESHUTDOWN.number();
        }
        link.in.readNBytes(512);
      }
    } catch (java.io.EOFException | SocketException | SSLException e) {
      return true;
    }
  }

  @Test
  void garbageInPlaceOfAHandshakeEndsIt() throws Exception {
    start("allowed", false);
    for (int seed = 0; seed < 20; seed++) {
      byte[] garbage = new byte[300];
      new Random(seed).nextBytes(garbage);
      try (Link link = new Link()) {
        assertEquals(NbdProtocol.REP_ACK, link.option(NbdProtocol.OPT_STARTTLS, new byte[0]));
        link.socket.getOutputStream().write(garbage);
        link.socket.shutdownOutput();
        while (link.in.read() >= 0) {
          // An alert, perhaps.
        }
      } catch (SocketException e) {
        assertTrue(e.getMessage() != null, "seed " + seed);
      }
    }
  }
}
