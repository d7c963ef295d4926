package io.sluice.shell.control;

import io.sluice.shell.FakeAgent;
import io.sluice.shell.Output;
import io.sluice.shell.blksnap.BlksnapTool;
import io.sluice.shell.client.SluiceClient;
import io.sluice.shell.command.SluiceTool;
import io.sluice.shell.tool.Tool;
import io.sluice.shell.wire.Request;
import java.io.InputStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The real client and the real socket, with services in memory behind it. */
@Timeout(60)
abstract class SocketFixture {
  @TempDir Path directory;

  final FakeAgent agent = new FakeAgent();
  final Map<String, Tool> tools = new ConcurrentHashMap<>();
  Path run;
  ControlSocket socket;
  Output output;
  boolean errIsTerminal;

  @BeforeEach
  void open() throws Exception {
    run = directory.resolve("run");
    tools.put(Request.SLUICE, new SluiceTool(agent));
    tools.put(Request.BLKSNAP, new BlksnapTool(agent));
    socket = ControlSocket.open(run, tools);
  }

  @AfterEach
  void close() {
    socket.close();
  }

  int sluice(String... words) {
    output = new Output();
    return client(output).run(List.of(words));
  }

  SluiceClient client(Output to) {
    return new SluiceClient(
        Map.of("SLUICE_RUN", run.toString()),
        directory,
        InputStream.nullInputStream(),
        to.out,
        to.err,
        () -> errIsTerminal);
  }

  void reopen(ClientLimits limits) throws Exception {
    socket.close();
    socket = ControlSocket.open(run, tools, limits);
  }

  SocketChannel connect() throws Exception {
    SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
    channel.connect(UnixDomainSocketAddress.of(socket.path()));
    return channel;
  }

  /** All the agent has to say until it closes the connection. */
  static String readAll(SocketChannel channel) throws Exception {
    ByteBuffer buffer = ByteBuffer.allocate(64 * 1024);
    while (buffer.hasRemaining()) {
      try {
        if (channel.read(buffer) < 0) {
          break;
        }
      } catch (java.io.IOException reset) {
        break;
      }
    }
    return new String(buffer.array(), 0, buffer.position(), StandardCharsets.UTF_8);
  }

  Request request(String... words) {
    return new Request(Request.SLUICE, 0, directory.toString(), List.of(words));
  }
}
