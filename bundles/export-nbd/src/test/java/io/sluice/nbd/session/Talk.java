package io.sluice.nbd.session;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.nbd.Answers;
import io.sluice.nbd.Conversation;
import io.sluice.nbd.ScriptedChannel;
import io.sluice.nbd.codec.ProtocolException;
import java.io.IOException;
import java.nio.channels.ByteChannel;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Executor;
import java.util.function.LongSupplier;

/** Has sessions with one export called "disk", in the caller's thread, and sees that none leaks. */
final class Talk implements ExportCatalog, SessionEvents {
  static final String EXPORT = "disk";

  final BufferPool connections = new BufferPool(Session.CONNECTION_BYTES);
  final BufferPool workerBuffers = new BufferPool(8 << 20);
  volatile boolean withdrawn;
  int lostCount;
  private final Export export;
  private final SessionResources resources;

  Talk(BlockDevice device) {
    this(device, Runnable::run, System::nanoTime);
  }

  Talk(BlockDevice device, Executor workers, LongSupplier nanoClock) {
    this(new Export(EXPORT, "A disk", device, false), workers, nanoClock);
  }

  Talk(Export export) {
    this(export, Runnable::run, System::nanoTime);
  }

  private Talk(Export export, Executor workers, LongSupplier nanoClock) {
    this.export = export;
    resources = new SessionResources(connections, workerBuffers, workers, nanoClock);
  }

  @Override
  public List<Export> list() {
    return List.of(export);
  }

  @Override
  public Export find(String name) throws ErrnoException {
    if (name.equals(EXPORT) && !withdrawn) {
      return export;
    }
    throw new ErrnoException(Errno.ENOENT, "no such export: " + name);
  }

  /** A session that ends well, or because the client hangs up where it may. */
  Answers answers(Conversation said) throws IOException, ProtocolException {
    return new Answers(bytes(said.toBytes(), null));
  }

  /** What a session sent; {@code pieces} as for {@link ScriptedChannel}. */
  byte[] bytes(byte[] said, Random pieces) throws IOException, ProtocolException {
    ScriptedChannel channel = new ScriptedChannel(said, pieces);
    try {
      session(channel).converse();
    } finally {
      assertEquals(0, connections.takenBytes(), "connection buffers not given back");
      assertEquals(0, workerBuffers.takenBytes(), "worker buffers not given back");
    }
    return channel.heard();
  }

  /** What a session that had to be cut sent before. */
  Answers answersUntilCut(Conversation said) {
    ScriptedChannel channel = new ScriptedChannel(said.toBytes());
    ProtocolException cut =
        assertThrows(ProtocolException.class, () -> session(channel).converse());
    assertEquals(0, connections.takenBytes(), cut::getMessage);
    return new Answers(channel.heard());
  }

  Session session(ScriptedChannel channel) {
    return session(channel, Map.of());
  }

  /** A session that goes on from {@code state}. */
  Session session(ByteChannel channel, Map<String, String> state) {
    return new Session(channel, "test", this, Security.NONE, resources, this, state);
  }

  @Override
  public void agreed() {
    // Nothing waits for it.
  }

  @Override
  public void lost() {
    lostCount++;
  }
}
