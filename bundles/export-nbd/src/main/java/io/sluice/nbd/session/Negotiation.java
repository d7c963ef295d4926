package io.sluice.nbd.session;

import static io.sluice.nbd.codec.NbdProtocol.OPT_ABORT;
import static io.sluice.nbd.codec.NbdProtocol.OPT_EXPORT_NAME;
import static io.sluice.nbd.codec.NbdProtocol.OPT_EXTENDED_HEADERS;
import static io.sluice.nbd.codec.NbdProtocol.OPT_GO;
import static io.sluice.nbd.codec.NbdProtocol.OPT_INFO;
import static io.sluice.nbd.codec.NbdProtocol.OPT_LIST;
import static io.sluice.nbd.codec.NbdProtocol.OPT_LIST_META_CONTEXT;
import static io.sluice.nbd.codec.NbdProtocol.OPT_SET_META_CONTEXT;
import static io.sluice.nbd.codec.NbdProtocol.OPT_STARTTLS;
import static io.sluice.nbd.codec.NbdProtocol.OPT_STRUCTURED_REPLY;

import io.sluice.block.DeviceGeometry;
import io.sluice.block.ErrnoException;
import io.sluice.nbd.codec.InfoRequest;
import io.sluice.nbd.codec.MalformedOptionException;
import io.sluice.nbd.codec.MetaContextRequest;
import io.sluice.nbd.codec.NbdLimits;
import io.sluice.nbd.codec.NbdProtocol;
import io.sluice.nbd.codec.OptionReplies;
import io.sluice.nbd.codec.ProtocolException;
import io.sluice.nbd.codec.ReplyStyle;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/**
 * The handshake of one connection, as a machine that is fed bytes as they come and needs no socket.
 * Not thread-safe.
 */
final class Negotiation {
  /** Where the handshake stands. */
  enum State {
    /** More bytes are needed. */
    OPTIONS,
    /** What was {@link #agreed} is served from the next byte on. */
    TRANSMISSION,
    /** The client has been told to begin with TLS; see {@link #secured}. */
    SECURING,
    /** The client has said goodbye; the replies are still to be sent. */
    CLOSED
  }

  /** Called when a client enters an export, before it is told so. */
  interface Entry {
    /**
     * @throws ErrnoException refuses the client, which may go on negotiating
     */
    void enter(Export export) throws ErrnoException;
  }

  private static final String FLAGS = "handshake.client-flags";
  private static final String OPTION_COUNT = "handshake.option-count";
  private static final String SKIPPED_OPTION = "handshake.skipped-option";
  private static final String SKIP_BYTES = "handshake.skip-bytes";
  private static final String STYLE = "handshake.reply-style";
  private static final String CONTEXT_EXPORT = "handshake.context-export";
  private static final String CONTEXTS = "handshake.contexts";

  private static final int CLIENT_FLAGS_KNOWN =
      NbdProtocol.FLAG_FIXED_NEWSTYLE | NbdProtocol.FLAG_NO_ZEROES;

  private final ExportCatalog catalog;
  private final Security security;
  private final Entry entry;
  private ReplySink out;

  private State state = State.OPTIONS;
  private boolean flagsTaken;
  private int clientFlags;
  private int optionCount;
  private int option;
  private long skipBytes;
  private ReplyStyle style = ReplyStyle.SIMPLE;
  private String contextExportName;
  // What was selected, as ContextSelection.text has it: the export may be another at the GO.
  private String contextsText = "";
  private Export export;
  private ContextSelection contexts = ContextSelection.NONE;

  Negotiation(ExportCatalog catalog, Security security, ReplySink out, Entry entry) {
    this.catalog = catalog;
    this.security = security;
    this.out = out;
    this.entry = entry;
  }

  /** An export, or all that is said, needs TLS first. */
  private static final class TlsRequiredException extends Exception {
    private static final long serialVersionUID = 1L;

    TlsRequiredException(String message) {
      super(message);
    }
  }

  /** What was agreed, once in state TRANSMISSION. */
  Agreement agreed() {
    return new Agreement(export, style, contexts);
  }

  /** Whether a handshake at rest had been begun. */
  static boolean isIn(Map<String, String> properties) {
    return properties.containsKey(OPTION_COUNT);
  }

  /** Puts down where the handshake stands between two options. */
  void save(Map<String, String> properties) {
    if (flagsTaken) {
      properties.put(FLAGS, Integer.toString(clientFlags));
    }
    properties.put(OPTION_COUNT, Integer.toString(optionCount));
    properties.put(SKIPPED_OPTION, Integer.toString(option));
    properties.put(SKIP_BYTES, Long.toString(skipBytes));
    properties.put(STYLE, style.name());
    if (contextExportName != null) {
      properties.put(CONTEXT_EXPORT, contextExportName);
      properties.put(CONTEXTS, contextsText);
    }
  }

  /** Goes on where {@link #save} was. */
  void resume(Map<String, String> properties) {
    flagsTaken = properties.containsKey(FLAGS);
    clientFlags = Integer.parseInt(properties.getOrDefault(FLAGS, "0"));
    optionCount = Integer.parseInt(properties.get(OPTION_COUNT));
    option = Integer.parseInt(properties.get(SKIPPED_OPTION));
    skipBytes = Long.parseLong(properties.get(SKIP_BYTES));
    style = ReplyStyle.valueOf(properties.get(STYLE));
    contextExportName = properties.get(CONTEXT_EXPORT);
    contextsText = properties.getOrDefault(CONTEXTS, "");
  }

  /**
   * Goes on behind TLS: nothing counts that was agreed on before, except how the client talks.
   *
   * @param secured where replies are put from now on
   */
  State secured(ReplySink secured) {
    out = secured;
    style = ReplyStyle.SIMPLE;
    contextExportName = null;
    contextsText = "";
    state = State.OPTIONS;
    return state;
  }

  /** Says the first word. */
  void greet() throws IOException {
    OptionReplies.putGreeting(out.reserve(OptionReplies.GREETING_BYTES));
  }

  /**
   * Goes as far as the bytes in {@code in} allow, and leaves those of an unfinished option there.
   *
   * @param in holds at least {@link NbdLimits#OPTION_DATA_MAX_BYTES} and a header when full
   */
  State advance(ByteBuffer in) throws IOException, ProtocolException {
    if (!flagsTaken) {
      if (in.remaining() < 4) {
        return state;
      }
      takeClientFlags(in.getInt());
    }
    while (state == State.OPTIONS && (skipBytes > 0 ? skip(in) : takeOption(in))) {
      // Each round took something; the loop ends when the input does.
    }
    return state;
  }

  private void takeClientFlags(int flags) throws ProtocolException {
    if ((flags & ~CLIENT_FLAGS_KNOWN) != 0) {
      throw new ProtocolException(
          String.format("client flags 0x%x, known are 0x%x", flags, CLIENT_FLAGS_KNOWN));
    }
    clientFlags = flags;
    flagsTaken = true;
  }

  private boolean takeOption(ByteBuffer in) throws IOException, ProtocolException {
    if (in.remaining() < NbdProtocol.OPTION_HEADER_BYTES) {
      return false;
    }
    int start = in.position();
    long magic = in.getLong(start);
    int candidate = in.getInt(start + 8);
    long lengthBytes = Integer.toUnsignedLong(in.getInt(start + 12));
    checkHeader(magic, candidate, lengthBytes);
    boolean tooBig = lengthBytes > NbdLimits.OPTION_DATA_MAX_BYTES;
    if (!tooBig && in.remaining() < NbdProtocol.OPTION_HEADER_BYTES + lengthBytes) {
      return false;
    }
    option = candidate;
    countOption();
    in.position(start + NbdProtocol.OPTION_HEADER_BYTES);
    if (tooBig) {
      skipBytes = lengthBytes;
      return true;
    }
    ByteBuffer data = in.slice(in.position(), (int) lengthBytes);
    in.position(in.position() + (int) lengthBytes);
    serve(data);
    return true;
  }

  private void checkHeader(long magic, int candidate, long lengthBytes) throws ProtocolException {
    if (magic != NbdProtocol.IHAVEOPT) {
      throw new ProtocolException(
          String.format("option magic 0x%016x instead of 0x%016x", magic, NbdProtocol.IHAVEOPT));
    }
    if (lengthBytes > NbdLimits.OPTION_SKIP_MAX_BYTES
        || (candidate == OPT_EXPORT_NAME && lengthBytes > NbdLimits.STRING_MAX_BYTES)) {
      throw new ProtocolException("option " + candidate + " with " + lengthBytes + " bytes");
    }
    if ((clientFlags & NbdProtocol.FLAG_FIXED_NEWSTYLE) == 0 && candidate != OPT_EXPORT_NAME) {
      throw new ProtocolException(
          "option " + candidate + " from a client that did not agree to fixed newstyle");
    }
  }

  private void countOption() throws ProtocolException {
    if (++optionCount > NbdLimits.OPTIONS_MAX) {
      throw new ProtocolException("more than " + NbdLimits.OPTIONS_MAX + " options");
    }
  }

  private boolean skip(ByteBuffer in) throws IOException {
    int step = (int) Math.min(skipBytes, in.remaining());
    in.position(in.position() + step);
    skipBytes -= step;
    if (skipBytes == 0) {
      refuse(
          NbdProtocol.REP_ERR_TOO_BIG,
          "option data are limited to " + NbdLimits.OPTION_DATA_MAX_BYTES + " bytes");
    }
    return step > 0;
  }

  private void serve(ByteBuffer data) throws IOException, ProtocolException {
    try {
      if (security.isRequired()
          && !security.isSecured()
          && option != OPT_STARTTLS
          && option != OPT_ABORT) {
        throw new TlsRequiredException("this server talks through TLS only; send STARTTLS first");
      }
      switch (option) {
        case OPT_EXPORT_NAME -> exportName(data);
        case OPT_STARTTLS -> startTls(data);
        case OPT_ABORT -> {
          acknowledge();
          state = State.CLOSED;
        }
        case OPT_LIST -> list(data);
        case OPT_INFO, OPT_GO -> info(InfoRequest.decode(data));
        case OPT_STRUCTURED_REPLY -> {
          checkEmpty(data);
          structuredReplies();
        }
        case OPT_EXTENDED_HEADERS -> {
          checkEmpty(data);
          style = ReplyStyle.EXTENDED;
          acknowledge();
        }
        case OPT_LIST_META_CONTEXT, OPT_SET_META_CONTEXT -> contexts(data);
        default -> refuse(NbdProtocol.REP_ERR_UNSUP, "option " + option + " is not supported here");
      }
    } catch (TlsRequiredException e) {
      if (option == OPT_EXPORT_NAME) {
        throw new ProtocolException(e.getMessage());
      }
      refuse(NbdProtocol.REP_ERR_TLS_REQD, e.getMessage());
    } catch (MalformedOptionException e) {
      refuse(NbdProtocol.REP_ERR_INVALID, "option " + option + ": " + e.getMessage());
    } catch (ErrnoException e) {
      refuse(
          switch (e.errno()) {
            case ENOENT -> NbdProtocol.REP_ERR_UNKNOWN;
            case ESHUTDOWN -> NbdProtocol.REP_ERR_SHUTDOWN;
            default -> NbdProtocol.REP_ERR_POLICY;
          },
          e.getMessage());
    }
  }

  private void startTls(ByteBuffer data) throws IOException, MalformedOptionException {
    if (!security.isOffered()) {
      refuse(NbdProtocol.REP_ERR_UNSUP, "STARTTLS is not supported here: no certificates");
      return;
    }
    checkEmpty(data);
    if (security.isSecured()) {
      throw new MalformedOptionException("the connection is encrypted already");
    }
    acknowledge();
    state = State.SECURING;
  }

  /** An export that may be talked about on this connection. */
  private Export find(String name) throws ErrnoException, TlsRequiredException {
    Export found = catalog.find(name);
    if (security.isRequired(found) && !security.isSecured()) {
      throw new TlsRequiredException(
          "export " + found.name() + " is to be had through TLS only; send STARTTLS first");
    }
    return found;
  }

  private void structuredReplies() throws IOException {
    if (style == ReplyStyle.EXTENDED) {
      refuse(
          NbdProtocol.REP_ERR_EXT_HEADER_REQD, "extended headers are agreed on, and go beyond it");
      return;
    }
    style = ReplyStyle.STRUCTURED;
    acknowledge();
  }

  private void exportName(ByteBuffer data)
      throws IOException, ProtocolException, TlsRequiredException {
    String name = StandardCharsets.UTF_8.decode(data).toString();
    if (style == ReplyStyle.EXTENDED) {
      throw new ProtocolException("EXPORT_NAME after extended headers were agreed on");
    }
    try {
      Export found = find(name);
      DeviceGeometry geometry = found.device().geometry();
      ContextSelection selection = selected(name, found);
      entry.enter(found);
      OptionReplies.putExportName(
          out.reserve(OptionReplies.EXPORT_NAME_MAX_BYTES),
          geometry.sizeBytes(),
          found.transmissionFlags(geometry, style.chunks()),
          (clientFlags & NbdProtocol.FLAG_NO_ZEROES) != 0);
      enter(found, selection);
    } catch (ErrnoException e) {
      // This option has no error reply: the specification asks for the connection's end.
      throw new ProtocolException(e.getMessage());
    }
  }

  private void list(ByteBuffer data) throws IOException, MalformedOptionException {
    checkEmpty(data);
    for (Export each : catalog.list()) {
      OptionReplies.putServer(reserve(), each.name(), each.description());
    }
    acknowledge();
  }

  private void info(InfoRequest request) throws IOException, TlsRequiredException {
    Export found = find(request.name());
    DeviceGeometry geometry = found.device().geometry();
    ContextSelection selection = selected(request.name(), found);
    if (option == OPT_GO) {
      entry.enter(found);
    }
    if (request.kinds().contains(NbdProtocol.INFO_NAME)) {
      OptionReplies.putInfoText(reserve(), option, NbdProtocol.INFO_NAME, found.name());
    }
    if (request.kinds().contains(NbdProtocol.INFO_DESCRIPTION)) {
      OptionReplies.putInfoText(
          reserve(), option, NbdProtocol.INFO_DESCRIPTION, found.description());
    }
    if (request.kinds().contains(NbdProtocol.INFO_BLOCK_SIZE)) {
      OptionReplies.putInfoBlockSize(
          reserve(),
          option,
          geometry.blockSizeBytes(),
          Export.preferredBlockBytes(geometry),
          NbdLimits.PAYLOAD_MAX_BYTES);
    }
    int flags = found.transmissionFlags(geometry, style.chunks());
    if (style == ReplyStyle.EXTENDED && !selection.isEmpty()) {
      flags |= NbdProtocol.FLAG_BLOCK_STATUS_PAYLOAD;
    }
    OptionReplies.putInfoExport(reserve(), option, geometry.sizeBytes(), flags);
    acknowledge();
    if (option == OPT_GO) {
      enter(found, selection);
    }
  }

  private void enter(Export found, ContextSelection selection) {
    export = found;
    contexts = selection;
    state = State.TRANSMISSION;
  }

  /** What was selected, if it was for the export of this name. */
  private ContextSelection selected(String nameAsked, Export found) throws ErrnoException {
    return nameAsked.equals(contextExportName)
        ? ContextSelection.parse(contextsText, found)
        : ContextSelection.NONE;
  }

  private void contexts(ByteBuffer data)
      throws IOException, MalformedOptionException, TlsRequiredException {
    boolean select = option == OPT_SET_META_CONTEXT;
    if (select) {
      // Whatever comes of this one, it replaces the earlier selection.
      contextExportName = null;
      contextsText = "";
    }
    if (!style.chunks()) {
      throw new MalformedOptionException("contexts need structured replies to be agreed first");
    }
    MetaContextRequest request = MetaContextRequest.decode(data);
    Export found = find(request.name());
    if (select) {
      ContextSelection selection = ContextSelection.of(found, request.queries());
      for (ContextSelection.Selected each : selection.selected()) {
        OptionReplies.putMetaContext(reserve(), option, each.id(), each.context().name());
      }
      contextExportName = request.name();
      contextsText = selection.text();
    } else {
      listContexts(found, request.queries());
    }
    acknowledge();
  }

  private void listContexts(Export found, List<String> queries) throws IOException {
    for (MetaContext context : found.contexts()) {
      if (queries.isEmpty() || queries.stream().anyMatch(context::isListedBy)) {
        OptionReplies.putMetaContext(reserve(), option, 0, context.name());
      }
    }
  }

  private static void checkEmpty(ByteBuffer data) throws MalformedOptionException {
    if (data.hasRemaining()) {
      throw new MalformedOptionException(data.remaining() + " bytes of data, it takes none");
    }
  }

  private ByteBuffer reserve() throws IOException {
    return out.reserve(OptionReplies.REPLY_MAX_BYTES);
  }

  private void acknowledge() throws IOException {
    OptionReplies.putAck(reserve(), option);
  }

  private void refuse(int reply, String text) throws IOException {
    OptionReplies.putError(reserve(), option, reply, text);
  }
}
