package io.sluice.nbd.server;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.nbd.session.BufferPool;
import io.sluice.nbd.session.Export;
import io.sluice.nbd.session.ExportCatalog;
import io.sluice.nbd.session.Security;
import io.sluice.nbd.tls.TlsChannel;
import io.sluice.nbd.tls.TlsServer;
import io.sluice.nbd.tls.Transport;
import java.io.IOException;
import java.nio.channels.ByteChannel;
import java.util.List;
import java.util.function.Consumer;

/**
 * What one client sees of the exports, and how it becomes a secure one: both depend on who it is,
 * which its certificate may change. The session's thread uses it; {@link #isSecured} and {@link
 * #peer} may be called by any.
 */
final class ClientAccess implements ExportCatalog, Security {
  private static final System.Logger LOG = System.getLogger(ClientAccess.class.getPackageName());

  private final ExportTable table;
  private final Access access;
  private final TlsPolicy policy;
  private final TlsServer tls;
  private final Transport transport;
  private final BufferPool buffers;
  private final Consumer<Exception> refusals;
  private volatile Peer peer;
  private volatile TlsChannel secure;

  /**
   * @param tls what TLS is made with; not looked at if {@code policy} is OFF
   * @param buffers lends what TLS needs
   * @param refusals told why TLS failed
   */
  ClientAccess(
      ExportTable table,
      Access access,
      Peer peer,
      TlsPolicy policy,
      TlsServer tls,
      Transport transport,
      BufferPool buffers,
      Consumer<Exception> refusals) {
    this.table = table;
    this.access = access;
    this.peer = peer;
    this.policy = policy;
    this.tls = tls;
    this.transport = transport;
    this.buffers = buffers;
    this.refusals = refusals;
  }

  /** Who it is, as far as it is known by now. */
  Peer peer() {
    return peer;
  }

  /** Gives back what TLS took, once the session is over. */
  void release() {
    if (secure != null) {
      secure.release();
    }
  }

  @Override
  public boolean isOffered() {
    return policy != TlsPolicy.OFF;
  }

  @Override
  public boolean isRequired() {
    return policy == TlsPolicy.REQUIRED;
  }

  @Override
  public boolean isRequired(Export export) {
    return table.terms(export).tlsRequired();
  }

  @Override
  public boolean isSecured() {
    return secure != null;
  }

  @Override
  public ByteChannel secure() throws IOException {
    TlsChannel channel = new TlsChannel(transport, tls, buffers);
    secure = channel;
    try {
      channel.handshake();
    } catch (IOException e) {
      refusals.accept(new IOException("TLS with " + peer.name() + " failed: " + e.getMessage(), e));
      throw e;
    }
    Peer known = peer.certified(channel.peerNames());
    peer = known;
    LOG.log(
        System.Logger.Level.DEBUG, () -> "TLS with " + known.name() + ": " + channel.description());
    return channel;
  }

  @Override
  public List<Export> list() {
    return table.list().stream().filter(this::isShown).toList();
  }

  private boolean isShown(Export export) {
    ExportTerms terms = table.terms(export);
    return (isSecured() || !terms.tlsRequired())
        && access.rules().admits(peer)
        && terms.admits(peer);
  }

  @Override
  public Export find(String name) throws ErrnoException {
    Export found = table.find(name);
    ExportTerms terms = table.terms(found);
    boolean later = terms.tlsRequired() && !isSecured();
    if (!later && !(access.rules().admits(peer) && terms.admits(peer))) {
      throw new ErrnoException(
          Errno.EACCES,
          "export " + found.name() + ": " + peer.name() + " is not among those it is for");
    }
    return found;
  }

  @Override
  public Export findAgain(String name) throws ErrnoException {
    return table.findAgain(name);
  }
}
