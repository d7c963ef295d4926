package io.sluice.shell.control;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.shell.Output;
import io.sluice.shell.client.BlksnapClient;
import io.sluice.shell.client.SluiceClient;
import io.sluice.shell.wire.Frame;
import io.sluice.shell.wire.FrameChannel;
import io.sluice.shell.wire.FrameType;
import io.sluice.shell.wire.Request;
import java.io.InputStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The real client against the real socket, well-behaved and not. */
class ControlSocketTest extends SocketFixture {
  @Test
  void commandsRunAndAnswerWithOutputAndExitCode() {
    assertEquals(0, sluice("device", "add", "disk", "disk.img"), () -> output.error());
    assertEquals(0, sluice("device", "list"));
    assertTrue(output.text().contains("disk   64M"), output.text());
    assertEquals(1, sluice("device", "add", "disk", "x"));
    assertEquals("sluice: device add: EEXIST: device disk: the name is taken\n", output.error());
    assertEquals("", output.text());
    assertEquals(2, sluice("device", "nonsense"));
    assertEquals(2, sluice());
    assertEquals(2, sluice("--run-dir"));
    assertEquals(0, sluice("--help"));
    assertTrue(output.text().startsWith("Usage: sluice"), output.text());
  }

  @Test
  void relativePathsStartAtTheClientsDirectory() throws Exception {
    assertEquals(0, sluice("device", "add", "disk", "images/disk.img"), () -> output.error());
    assertEquals(
        directory.resolve("images/disk.img").toString(), agent.devices.info("disk").path());
    assertEquals(0, sluice("snapshot", "take", "images/disk.img", "--store", "file:diff"));
    assertEquals(
        directory.resolve("diff").toString(), agent.snapshots.requests.get(0).storeArgument());
  }

  @Test
  void runDirectoryIsTakenFromTheOptionBeforeTheEnvironment() {
    Output to = new Output();
    SluiceClient elsewhere =
        new SluiceClient(
            Map.of("SLUICE_RUN", "/nonexistent"),
            directory,
            InputStream.nullInputStream(),
            to.out,
            to.err,
            () -> false);
    assertEquals(0, elsewhere.run(List.of("--run-dir", "run", "device", "list")), to::error);
    assertEquals(0, elsewhere.run(List.of("--run-dir=" + run, "--json", "device", "list")));
    assertEquals(3, elsewhere.run(List.of("device", "list")));
    assertTrue(
        to.error().startsWith("sluice: device list: ENOENT: no agent at /nonexistent/control.sock"),
        to.error());
    assertEquals(1, to.error().lines().count());
  }

  @Test
  void noAgentIs3AlsoBehindAStaleSocket() throws Exception {
    socket.close();
    assertFalse(Files.exists(socket.path()), "removed on close");
    assertEquals(3, sluice("device", "list"));
    staleSocket();
    assertEquals(3, sluice("device", "list"));
    assertTrue(output.error().contains("nobody listens"), output.error());
  }

  private void staleSocket() throws Exception {
    try (ServerSocketChannel dead = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      dead.bind(UnixDomainSocketAddress.of(socket.path()));
    }
  }

  @Test
  void aDeadAgentsSocketIsReplacedAndALiveOnesIsNot() throws Exception {
    ErrnoException refused =
        assertThrows(ErrnoException.class, () -> ControlSocket.open(run, tools));
    assertEquals(Errno.EADDRINUSE, refused.errno());
    assertTrue(
        refused.getMessage().contains("another agent (pid " + ProcessHandle.current().pid() + ")"),
        refused.getMessage());
    assertEquals(0, sluice("device", "list"), "the live one still answers");
    socket.close();
    staleSocket();
    socket = ControlSocket.open(run, tools);
    assertEquals(0, sluice("device", "list"), () -> output.error());
  }

  @Test
  void othersAreKeptOut() throws Exception {
    assertEquals("rwx------", PosixFilePermissions.toString(Files.getPosixFilePermissions(run)));
    assertEquals(
        "rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(socket.path())));
    Path open = Files.createDirectory(directory.resolve("open"));
    Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxrwxrwx"));
    ErrnoException refused =
        assertThrows(ErrnoException.class, () -> ControlSocket.open(open, tools));
    assertEquals(Errno.EPERM, refused.errno());
  }

  @Test
  void aPeerThatIsNeitherTheOwnerNorRootIsRefused() throws Exception {
    UserPrincipal nobody =
        directory.getFileSystem().getUserPrincipalLookupService().lookupPrincipalByName("nobody");
    UserPrincipal me = Files.getOwner(directory);
    try (SocketChannel channel = connect()) {
      assertEquals(
          me.getName(), new PeerCheck(nobody, Optional.empty()).refused(channel), "somebody else");
      assertEquals(null, new PeerCheck(nobody, Optional.of(me)).refused(channel), "root");
      assertEquals(null, PeerCheck.ownerOf(socket.path()).refused(channel), "the owner");
    }
  }

  @Test
  void aPathTheKernelCantTakeIsRefusedByItsLength() {
    ErrnoException refused =
        assertThrows(
            ErrnoException.class,
            () -> ControlSocket.open(directory.resolve("d".repeat(120)), tools));
    assertEquals(Errno.EINVAL, refused.errno());
    assertTrue(refused.getMessage().contains("the limit is 107"), refused.getMessage());
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void garbageIsRefusedAndTheAgentLives(long seed) throws Exception {
    byte[] garbage = new byte[4096];
    new Random(seed).nextBytes(garbage);
    try (SocketChannel channel = connect()) {
      try {
        channel.write(ByteBuffer.wrap(garbage));
        channel.shutdownOutput();
      } catch (java.io.IOException closedAlready) {
        // The agent let go before all was written.
      }
      String answer = readAll(channel);
      assertTrue(
          answer.isEmpty() || answer.contains("EINVAL: this is not Sluice's control protocol"),
          () -> "seed " + seed + ": " + answer);
    }
    assertEquals(0, sluice("device", "list"), () -> "seed " + seed + ": " + output.error());
  }

  /** Each is a header, and the words the agent refuses it with. */
  @Test
  void oversizeAndMalformedRequestsAreRefusedByName() throws Exception {
    assertRefused(header(1, Request.BYTES_MAX + 1), "the limit is " + Request.BYTES_MAX);
    assertRefused(header(1, Integer.MAX_VALUE), "the limit is");
    assertRefused(header(1, -1), "REQUEST frame of -1 bytes");
    assertRefused(header(99, 0), "unknown type 99");
    assertRefused(header(2, 0), "LINE frame where a request is expected");
    assertRefused(header(1, 0), "request that ends too early");
    ByteBuffer other = ByteBuffer.allocate(13).put((byte) 1).putInt(8).putInt(0x534c4345);
    assertRefused(other.putInt(9).flip(), "protocol version 9");
    ByteBuffer text = ByteBuffer.allocate(21).put((byte) 1).putInt(16).putInt(0x534c4345);
    assertRefused(text.putInt(1).putInt(0).putInt(Integer.MAX_VALUE).flip(), "where 0 are left");
    assertEquals(0, sluice("device", "list"), () -> output.error());
  }

  private static ByteBuffer header(int type, int length) {
    return ByteBuffer.allocate(5).put((byte) type).putInt(length).flip();
  }

  private void assertRefused(ByteBuffer bytes, String why) throws Exception {
    try (SocketChannel channel = connect()) {
      channel.write(bytes);
      String answer = readAll(channel);
      assertTrue(answer.contains(why), answer);
    }
  }

  @Test
  void tooManyArgumentsAreRefusedByTheClient() {
    String[] words = new String[Request.ARGUMENT_COUNT_MAX + 1];
    java.util.Arrays.fill(words, "8:8");
    words[0] = "cbt";
    words[1] = "dirty";
    assertEquals(2, sluice(words));
    assertTrue(output.error().contains("the limit is 4096"), output.error());
    words = new String[] {"device", "add", "x", "p".repeat(Request.BYTES_MAX)};
    assertEquals(2, sluice(words));
    assertTrue(output.error().contains("the limit is " + Request.BYTES_MAX), output.error());
  }

  @Test
  void aClientThatDoesNotFinishItsRequestIsLetGo() throws Exception {
    reopen(new ClientLimits(Duration.ofMillis(100), Duration.ofMinutes(1)));
    try (SocketChannel silent = connect();
        SocketChannel half = connect()) {
      half.write(ByteBuffer.allocate(8).put((byte) 1).putInt(1000).put((byte) 7).flip());
      assertEquals("", readAll(silent));
      assertEquals("", readAll(half));
    }
    assertEquals(0, sluice("device", "list"), () -> output.error());
  }

  @Test
  void aClientThatDoesNotReadIsLetGoAndHoldsUpNobody() throws Exception {
    CountDownLatch ended = new CountDownLatch(1);
    tools.put(
        "flood",
        (session, arguments) -> {
          try {
            byte[] much = new byte[1 << 20];
            while (!session.out().checkError()) {
              session.out().write(much, 0, much.length);
            }
          } finally {
            ended.countDown();
          }
          return 0;
        });
    reopen(new ClientLimits(Duration.ofSeconds(5), Duration.ofMillis(100)));
    try (SocketChannel channel = connect()) {
      new FrameChannel(channel).write(new Request("flood", 0, directory.toString(), List.of()));
      assertTrue(ended.await(30, TimeUnit.SECONDS), "the command has ended");
      assertEquals(0, sluice("device", "list"), () -> output.error());
    }
  }

  @Test
  void aClientThatSendsMoreThanItMayIsLetGo() throws Exception {
    sluice("device", "add", "disk", "disk.img");
    sluice("snapshot", "take", "disk", "--store", "dir:.", "--name", "n");
    try (SocketChannel channel = connect()) {
      FrameChannel frames = new FrameChannel(channel);
      frames.write(request("snapshot", "wait-event", "n"));
      assertTrue(agent.snapshots.waiting.await(30, TimeUnit.SECONDS), "the wait has begun");
      frames.write(FrameType.OUT, "a client has no output");
      assertTrue(agent.snapshots.interrupted.await(30, TimeUnit.SECONDS), "the wait has ended");
      assertTrue(readAll(channel).contains("OUT frame after the request"));
    }
  }

  @Test
  void oneClientTooManyIsToldSo() throws Exception {
    List<SocketChannel> clients = new ArrayList<>();
    try {
      for (int i = 0; i < ControlSocket.CONNECTION_COUNT_MAX; i++) {
        clients.add(connect());
      }
      // Connections are accepted in order, so all others are in when this one is answered.
      assertEquals(1, sluice("device", "list"));
      assertTrue(output.error().startsWith("sluice: EAGAIN: 64 clients"), output.error());
    } finally {
      for (SocketChannel client : clients) {
        client.close();
      }
    }
  }

  @Test
  void outputLargerThanAnyBufferArrivesWhole() {
    StringBuilder expected = new StringBuilder();
    for (int i = 0; i < 200_000; i++) {
      expected.append("line ").append(i).append('\n');
    }
    tools.put(
        Request.SLUICE,
        (session, arguments) -> {
          session.out().print(expected);
          session.err().print("done");
          return 7;
        });
    assertEquals(7, sluice("anything"));
    assertEquals(expected.toString(), output.text());
    assertEquals("done", output.error());
  }

  @Test
  void aToolThatFailsInsideIsReportedAndLogged() {
    tools.put(
        Request.SLUICE,
        (session, arguments) -> {
          throw new IllegalStateException("as the test wants");
        });
    assertEquals(1, sluice("anything"));
    assertEquals("sluice: EFAULT: internal error, see the agent's log\n", output.error());
  }

  @Test
  void aShellWithoutGogoSaysSo() {
    assertEquals(1, sluice("shell"));
    assertTrue(output.error().contains("the Gogo runtime is not running"), output.error());
  }

  @Test
  void blksnapWritesItsFileOnTheClientsSide() throws Exception {
    sluice("device", "add", "disk", "disk.img");
    sluice("filter", "attach", "disk", "blksnap");
    agent.snapshots.mark(5, 3);
    Output to = new Output();
    BlksnapClient blksnap =
        new BlksnapClient(Map.of("SLUICE_RUN", run.toString()), directory, to.out, to.err);
    assertEquals(0, blksnap.run(List.of("readcbtmap", "-d", "disk", "-fmap.bin")), to::error);
    byte[] map = Files.readAllBytes(directory.resolve("map.bin"));
    assertEquals(1024, map.length);
    assertEquals(3, map[5]);
    assertEquals("", to.text());
    assertEquals(1, blksnap.run(List.of("readcbtmap", "-d", "disk", "-f", "no/map.bin")));
  }

  @Test
  void theClientWritesNoFileThatWasNotNamed() throws Exception {
    tools.put(
        Request.BLKSNAP,
        (session, arguments) -> {
          try (var file = session.link().openFile("stolen")) {
            file.write(1);
          }
          return 0;
        });
    Output to = new Output();
    BlksnapClient blksnap =
        new BlksnapClient(Map.of("SLUICE_RUN", run.toString()), directory, to.out, to.err);
    assertEquals(1, blksnap.run(List.of("version")));
    assertTrue(to.error().startsWith("EPERM: "), to.error());
    assertFalse(Files.exists(directory.resolve("stolen")));
  }

  @Test
  void framesOfAnAnswerEndWithTheExitCode() throws Exception {
    try (SocketChannel channel = connect()) {
      FrameChannel frames = new FrameChannel(channel);
      frames.write(request("device", "list", "--json"));
      Frame out = frames.read(FrameChannel.OUTPUT_BYTES_MAX);
      assertEquals(FrameType.OUT, out.type());
      assertEquals("[]\n", out.text());
      Frame exit = frames.read(FrameChannel.OUTPUT_BYTES_MAX);
      assertEquals(FrameType.EXIT, exit.type());
      assertEquals(0, exit.number());
      assertEquals(null, frames.read(FrameChannel.OUTPUT_BYTES_MAX), "then the end");
    }
  }
}
