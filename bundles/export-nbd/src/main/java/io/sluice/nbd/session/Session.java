package io.sluice.nbd.session;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.nbd.codec.NbdLimits;
import io.sluice.nbd.codec.NbdProtocol;
import io.sluice.nbd.codec.ProtocolException;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;

/**
 * One client. {@link #run} serves it from greeting to farewell in the thread that calls it; the
 * other methods may be called from any thread.
 */
public final class Session implements Runnable {
  private static final System.Logger LOG = System.getLogger(Session.class.getPackageName());

  /** Each direction's buffer while options are exchanged: the largest option, and as much again. */
  private static final int HANDSHAKE_BUFFER_BYTES =
      2 * NbdLimits.OPTION_DATA_MAX_BYTES + NbdProtocol.OPTION_HEADER_BYTES;

  private static final int INPUT_BUFFER_BYTES = 256 << 10;

  /**
   * Four pieces of a read, which are sent together, their headers, and some replies before them.
   */
  private static final int OUTPUT_BUFFER_BYTES = 4 * InlineReads.PIECE_BYTES + 4096;

  /** What one connection takes at most, apart from requests that are with workers. */
  public static final int CONNECTION_BYTES =
      2 * HANDSHAKE_BUFFER_BYTES + INPUT_BUFFER_BYTES + OUTPUT_BUFFER_BYTES;

  private final ByteChannel channel;
  private final String peer;
  private final ExportCatalog catalog;
  private final SessionResources resources;
  private final BeforeSharing beforeSharing;
  private final Runnable onAgreed;
  private ByteBuffer handshakeInput;
  private ByteBuffer handshakeOutput;
  private ByteBuffer input;
  private ByteBuffer output;
  private Closeable hold;
  private volatile Export export;
  private volatile Transmission transmission;
  private volatile boolean stopping;

  /**
   * @param channel the client; the session closes it
   * @param beforeSharing told before workers write to the channel
   * @param peer who it is, for people
   * @param onAgreed run when the handshake is over
   */
  public Session(
      ByteChannel channel,
      BeforeSharing beforeSharing,
      String peer,
      ExportCatalog catalog,
      SessionResources resources,
      Runnable onAgreed) {
    this.channel = channel;
    this.beforeSharing = beforeSharing;
    this.peer = peer;
    this.catalog = catalog;
    this.resources = resources;
    this.onAgreed = onAgreed;
  }

  /** The export that is being served, or null during the handshake. */
  public Export export() {
    return export;
  }

  /** Has requests answered with ESHUTDOWN from now on; the session ends after the next ones. */
  public void stop() {
    stopping = true;
    Transmission running = transmission;
    if (running != null) {
      running.stop();
    }
  }

  /** Ends the session by taking its channel away; a request under way is still finished. */
  public void abort() {
    try {
      channel.close();
    } catch (IOException e) {
      LOG.log(System.Logger.Level.DEBUG, () -> "closing " + peer + ": " + e);
    }
  }

  @Override
  public void run() {
    try {
      converse();
    } catch (ProtocolException e) {
      LOG.log(System.Logger.Level.DEBUG, () -> peer + " let go: " + e.getMessage());
    } catch (IOException e) {
      LOG.log(System.Logger.Level.DEBUG, () -> peer + " is gone: " + e);
    } catch (RuntimeException | Error e) {
      LOG.log(System.Logger.Level.WARNING, "fault while serving " + peer, e);
    }
  }

  /** The session itself. What it throws is why it ended; nothing is held any more then. */
  void converse() throws IOException, ProtocolException {
    try {
      serve();
    } finally {
      abort();
      release();
    }
  }

  private void serve() throws IOException, ProtocolException {
    handshakeInput = resources.connectionBuffers().tryTake(HANDSHAKE_BUFFER_BYTES);
    handshakeOutput = resources.connectionBuffers().tryTake(HANDSHAKE_BUFFER_BYTES);
    if (handshakeInput == null || handshakeOutput == null) {
      throw new IOException("no memory for one more connection");
    }
    ReplyOutput out = new ReplyOutput(channel, handshakeOutput);
    RequestInput in = new RequestInput(channel, out, handshakeInput);
    Negotiation negotiation = new Negotiation(catalog, out, this::enter);
    negotiation.greet();
    Negotiation.State state = Negotiation.State.OPTIONS;
    while (state == Negotiation.State.OPTIONS && in.fill(in.unread().remaining() + 1)) {
      state = negotiation.advance(in.unread());
    }
    out.flush();
    if (state == Negotiation.State.TRANSMISSION) {
      onAgreed.run();
      in.use(input);
      out.use(output);
      transmit(negotiation, in, out);
    }
  }

  private void transmit(Negotiation agreed, RequestInput in, ReplyOutput out)
      throws IOException, ProtocolException {
    resources.connectionBuffers().give(handshakeInput);
    handshakeInput = null;
    resources.connectionBuffers().give(handshakeOutput);
    handshakeOutput = null;
    Transmission running = new Transmission(agreed, in, out, resources, beforeSharing, this::abort);
    transmission = running;
    if (stopping) {
      running.stop();
    }
    running.run();
  }

  private void enter(Export found) throws ErrnoException {
    input = resources.connectionBuffers().tryTake(INPUT_BUFFER_BYTES);
    output = resources.connectionBuffers().tryTake(OUTPUT_BUFFER_BYTES);
    if (input == null || output == null) {
      giveDataBuffers();
      throw new ErrnoException(
          Errno.ENOMEM,
          "export " + found.name() + ": no memory for one more client, try again later");
    }
    try {
      hold = found.device().hold("NBD client " + peer);
      export = found;
      // Whoever takes an export away first hides it, then ends the sessions that show it: one that
      // comes between is caught here.
      catalog.find(found.name());
    } catch (ErrnoException e) {
      export = null;
      giveDataBuffers();
      letGo();
      throw e;
    }
  }

  private void giveDataBuffers() {
    resources.connectionBuffers().give(input);
    input = null;
    resources.connectionBuffers().give(output);
    output = null;
  }

  private void release() {
    giveDataBuffers();
    resources.connectionBuffers().give(handshakeInput);
    resources.connectionBuffers().give(handshakeOutput);
    letGo();
  }

  private void letGo() {
    if (hold != null) {
      try {
        hold.close();
      } catch (IOException | RuntimeException e) {
        LOG.log(System.Logger.Level.WARNING, "letting go of a device after " + peer, e);
      }
      hold = null;
    }
  }
}
