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
import java.util.HashMap;
import java.util.Map;

/**
 * One client. {@link #run} serves it from greeting to farewell, or from where an earlier session
 * came to rest, in the thread that calls it; the other methods may be called from any thread.
 */
public final class Session {
  private static final System.Logger LOG = System.getLogger(Session.class.getPackageName());

  /** Each direction's buffer while options are exchanged: the largest option, and as much again. */
  private static final int HANDSHAKE_BUFFER_BYTES =
      2 * NbdLimits.OPTION_DATA_MAX_BYTES + NbdProtocol.OPTION_HEADER_BYTES;

  static final int INPUT_BUFFER_BYTES = 256 << 10;

  /**
   * Sixteen pieces of a read, which are sent together, their headers, and some replies before them:
   * whoever sends less at a time wakes the client more often.
   */
  private static final int OUTPUT_BUFFER_BYTES = 16 * InlineReads.PIECE_BYTES + 4096;

  /** What one connection takes at most, apart from requests that are with workers. */
  public static final int CONNECTION_BYTES =
      2 * HANDSHAKE_BUFFER_BYTES + INPUT_BUFFER_BYTES + OUTPUT_BUFFER_BYTES;

  private final String peer;
  private final ExportCatalog catalog;
  private final Security security;
  private final SessionResources resources;
  private final SessionEvents events;
  private final Map<String, String> from;
  private ByteBuffer handshakeInput;
  private ByteBuffer handshakeOutput;
  private ByteBuffer input;
  private ByteBuffer output;
  private Closeable hold;
  private volatile ByteChannel channel;
  private volatile Export export;
  private volatile Transmission transmission;
  private volatile boolean stopping;
  private volatile boolean resting;

  /**
   * @param channel the client; the session closes it, unless it comes to rest. Its read waits for
   *     some bytes, and returns 0 only if the session is to come to rest
   * @param peer who it is, for people
   * @param security how the channel becomes a secure one
   * @param from what was agreed before, as {@link SessionState#properties} has it
   */
  public Session(
      ByteChannel channel,
      String peer,
      ExportCatalog catalog,
      Security security,
      SessionResources resources,
      SessionEvents events,
      Map<String, String> from) {
    this.channel = channel;
    this.peer = peer;
    this.catalog = catalog;
    this.security = security;
    this.resources = resources;
    this.events = events;
    this.from = from;
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

  /**
   * Has {@link #run} return once what is under way is done, with the channel open. The channel is
   * to be woken afterwards.
   */
  public void rest() {
    resting = true;
    Transmission running = transmission;
    if (running != null) {
      running.rest();
    }
  }

  /** Ends the session by taking its channel away; a request under way is still finished. */
  public void abort() {
    Transmission running = transmission;
    if (running != null) {
      running.abandon();
    }
    try {
      channel.close();
    } catch (IOException e) {
      LOG.log(System.Logger.Level.DEBUG, () -> "closing " + peer + ": " + e);
    }
  }

  /**
   * Serves the client.
   *
   * @return null at its end, or where it stands if it came to rest
   */
  public SessionState run() {
    try {
      return converse();
    } catch (ProtocolException e) {
      LOG.log(System.Logger.Level.DEBUG, () -> peer + " let go: " + e.getMessage());
    } catch (IOException e) {
      LOG.log(System.Logger.Level.DEBUG, () -> peer + " is gone: " + e);
    } catch (RuntimeException | Error e) {
      LOG.log(System.Logger.Level.WARNING, "fault while serving " + peer, e);
    }
    return null;
  }

  /** The session itself. What it throws is why it ended; nothing is held any more then. */
  SessionState converse() throws IOException, ProtocolException {
    SessionState left = null;
    try {
      left = Agreement.isIn(from) ? resume() : negotiate();
      return left;
    } finally {
      if (left == null) {
        abort();
      }
      release();
    }
  }

  private SessionState negotiate() throws IOException, ProtocolException {
    handshakeInput = resources.connectionBuffers().tryTake(HANDSHAKE_BUFFER_BYTES);
    handshakeOutput = resources.connectionBuffers().tryTake(HANDSHAKE_BUFFER_BYTES);
    if (handshakeInput == null || handshakeOutput == null) {
      throw new IOException("no memory for one more connection");
    }
    ReplyOutput out = new ReplyOutput(channel, handshakeOutput);
    RequestInput in = new RequestInput(channel, out, handshakeInput);
    Negotiation negotiation = new Negotiation(catalog, security, out, this::enter);
    if (Negotiation.isIn(from)) {
      negotiation.resume(from);
    } else {
      negotiation.greet();
    }
    Negotiation.State state = Negotiation.State.OPTIONS;
    while (state == Negotiation.State.OPTIONS && !resting && fill(in)) {
      state = negotiation.advance(in.unread());
      if (state == Negotiation.State.SECURING) {
        secure(in, out);
        out = new ReplyOutput(channel, handshakeOutput);
        in = new RequestInput(channel, out, handshakeInput);
        state = negotiation.secured(out);
      }
    }
    out.flush();
    if (state == Negotiation.State.OPTIONS && resting) {
      if (security.isSecured()) {
        throw new IOException("the server is replaced, which a TLS connection does not survive");
      }
      Map<String, String> properties = new HashMap<>();
      negotiation.save(properties);
      return new SessionState(properties, ByteBuffer.allocate(0)).followedBy(in.unread());
    }
    if (state != Negotiation.State.TRANSMISSION) {
      return null;
    }
    events.agreed();
    in.use(input);
    out.use(output);
    giveHandshakeBuffers();
    return transmit(negotiation.agreed(), in, out);
  }

  /**
   * Whoever sits between could have put something behind the client's STARTTLS: what has come in
   * plain text is never taken for what came through TLS.
   */
  private void secure(RequestInput in, ReplyOutput out) throws IOException, ProtocolException {
    out.flush();
    if (in.unread().hasRemaining()) {
      throw new ProtocolException(in.unread().remaining() + " bytes of plain text after STARTTLS");
    }
    channel = security.secure();
  }

  private boolean fill(RequestInput in) throws IOException {
    try {
      return in.fill(in.unread().remaining() + 1);
    } catch (RestException e) {
      return false;
    }
  }

  private SessionState resume() throws IOException, ProtocolException {
    Agreement agreed = Agreement.of(from, catalog);
    try {
      if (agreed != null) {
        enter(agreed.export());
      }
    } catch (ErrnoException e) {
      LOG.log(System.Logger.Level.DEBUG, () -> peer + " can't go on: " + e.getMessage());
      agreed = null;
    }
    if (agreed == null) {
      agreed = Agreement.gone(from);
      enterGone(agreed.export());
    }
    events.agreed();
    if (hold == null) {
      events.lost();
    }
    ReplyOutput out = new ReplyOutput(channel, output);
    return transmit(agreed, new RequestInput(channel, out, input), out);
  }

  private SessionState transmit(Agreement agreed, RequestInput in, ReplyOutput out)
      throws IOException, ProtocolException {
    Transmission running = new Transmission(agreed, from, in, out, resources, this::abort);
    transmission = running;
    if (stopping) {
      running.stop();
    }
    if (resting) {
      running.rest();
    }
    return running.run();
  }

  private void enter(Export found) throws ErrnoException {
    takeDataBuffers(found);
    try {
      hold = found.device().hold("NBD client " + peer);
      export = found;
      // Whoever takes an export away first hides it, then ends the sessions that show it: one that
      // comes between is caught here.
      Export unused =
          Agreement.isIn(from) ? catalog.findAgain(found.name()) : catalog.find(found.name());
    } catch (ErrnoException e) {
      export = null;
      giveDataBuffers();
      letGo();
      throw e;
    }
  }

  /** Nothing is held of an export that is gone, and nobody is to find it gone again. */
  private void enterGone(Export gone) throws ErrnoException {
    takeDataBuffers(gone);
    export = gone;
  }

  private void takeDataBuffers(Export found) throws ErrnoException {
    input = resources.connectionBuffers().tryTake(INPUT_BUFFER_BYTES);
    output = resources.connectionBuffers().tryTake(OUTPUT_BUFFER_BYTES);
    if (input == null || output == null) {
      giveDataBuffers();
      throw new ErrnoException(
          Errno.ENOMEM,
          "export " + found.name() + ": no memory for one more client, try again later");
    }
  }

  private void giveDataBuffers() {
    resources.connectionBuffers().give(input);
    input = null;
    resources.connectionBuffers().give(output);
    output = null;
  }

  private void giveHandshakeBuffers() {
    resources.connectionBuffers().give(handshakeInput);
    handshakeInput = null;
    resources.connectionBuffers().give(handshakeOutput);
    handshakeOutput = null;
  }

  private void release() {
    giveDataBuffers();
    giveHandshakeBuffers();
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
