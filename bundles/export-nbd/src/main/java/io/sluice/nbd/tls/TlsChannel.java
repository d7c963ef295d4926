package io.sluice.nbd.tls;

import io.sluice.nbd.session.BufferPool;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.ClosedChannelException;
import java.security.cert.Certificate;
import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import javax.naming.InvalidNameException;
import javax.naming.ldap.LdapName;
import javax.naming.ldap.Rdn;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLEngineResult;
import javax.net.ssl.SSLEngineResult.HandshakeStatus;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLPeerUnverifiedException;

/**
 * Encrypts and decrypts over a {@link Transport}, with whose rules for waiting: a read waits for
 * some bytes, or returns 0 if the transport does. One thread reads, and one at a time writes; both
 * at once. Anybody may close it.
 */
public final class TlsChannel implements ByteChannel {
  /** Four records, which are read or sent at once. */
  private static final int RECORDS_BYTES = 68 << 10;

  /** What one record holds at most. */
  private static final int PLAIN_BYTES = 20 << 10;

  /** Kinds of alternative names: RFC 822, DNS, URI, IP address; all of them texts. */
  private static final List<Integer> TEXT_NAMES = List.of(1, 2, 6, 7);

  private final Transport transport;
  private final SSLEngine engine;
  private final BufferPool buffers;

  /** Records that have come, between position and limit. */
  private ByteBuffer in;

  /** Decrypted and not yet taken, between position and limit. */
  private ByteBuffer plain;

  private final ReentrantLock writing = new ReentrantLock();

  /** Records to be sent; guarded by {@link #writing}. */
  private ByteBuffer out;

  /**
   * @param buffers lends what is needed until {@link #release}
   * @throws IOException if there is no memory for one more connection
   */
  public TlsChannel(Transport transport, TlsServer server, BufferPool buffers) throws IOException {
    this.transport = transport;
    this.engine = server.engine();
    this.buffers = buffers;
    in = buffers.tryTake(RECORDS_BYTES);
    out = buffers.tryTake(RECORDS_BYTES);
    plain = buffers.tryTake(PLAIN_BYTES);
    if (in == null || out == null || plain == null) {
      release();
      throw new IOException("no memory for one more TLS connection");
    }
    in.limit(0);
    plain.limit(0);
  }

  /** Gives the buffers back, once nobody reads or writes any more. */
  public void release() {
    // Another thread may be about to say goodbye.
    writing.lock();
    try {
      buffers.give(in);
      buffers.give(out);
      buffers.give(plain);
      in = null;
      out = null;
      plain = null;
    } finally {
      writing.unlock();
    }
  }

  /**
   * Shakes hands.
   *
   * @throws IOException if the two don't agree, after the client has been told so
   */
  public void handshake() throws IOException {
    try {
      engine.beginHandshake();
      HandshakeStatus status = engine.getHandshakeStatus();
      while (status != HandshakeStatus.FINISHED && status != HandshakeStatus.NOT_HANDSHAKING) {
        status =
            switch (status) {
              case NEED_TASK -> runTasks();
              case NEED_WRAP -> sendHandshake();
              default -> takeHandshake();
            };
      }
    } catch (SSLException e) {
      sendAlert();
      throw e;
    }
  }

  private HandshakeStatus runTasks() {
    Runnable task = engine.getDelegatedTask();
    while (task != null) {
      task.run();
      task = engine.getDelegatedTask();
    }
    return engine.getHandshakeStatus();
  }

  private HandshakeStatus sendHandshake() throws IOException {
    out.clear();
    SSLEngineResult result = engine.wrap(ByteBuffer.allocate(0), out);
    send();
    checkOpen(result);
    return result.getHandshakeStatus();
  }

  private HandshakeStatus takeHandshake() throws IOException {
    SSLEngineResult result = engine.unwrap(in, plain.clear());
    plain.flip();
    if (result.getStatus() == SSLEngineResult.Status.BUFFER_UNDERFLOW && fill() <= 0) {
      throw new EOFException("the client went away in the TLS handshake");
    }
    checkOpen(result);
    return result.getHandshakeStatus();
  }

  private static void checkOpen(SSLEngineResult result) throws IOException {
    if (result.getStatus() == SSLEngineResult.Status.CLOSED) {
      throw new ClosedChannelException();
    }
    if (result.getStatus() == SSLEngineResult.Status.BUFFER_OVERFLOW) {
      throw new SSLException("a record larger than the protocol allows");
    }
  }

  /** The handshake has failed, and the client may be told why; it need not be there any more. */
  private void sendAlert() {
    try {
      out.clear();
      SSLEngineResult result = engine.wrap(ByteBuffer.allocate(0), out);
      if (result.bytesProduced() > 0) {
        int unused = transport.writeNow(out.flip());
      }
    } catch (IOException e) {
      // The failure that led here is the one to tell.
    }
  }

  private void send() throws IOException {
    out.flip();
    while (out.hasRemaining()) {
      int unused = transport.write(out);
    }
  }

  /** Waits for more of the next record; as the transport's read. */
  private int fill() throws IOException {
    in.compact();
    try {
      return transport.read(in);
    } finally {
      in.flip();
    }
  }

  @Override
  public int read(ByteBuffer target) throws IOException {
    int taken = take(target);
    while (taken == 0) {
      int start = target.position();
      SSLEngineResult result = decrypt(target);
      taken = target.position() - start;
      switch (result.getStatus()) {
        case CLOSED -> {
          return taken > 0 ? taken : -1;
        }
        case BUFFER_UNDERFLOW -> {
          int count = fill();
          if (count <= 0) {
            return count;
          }
        }
        default -> checkOpen(result);
      }
    }
    return taken + more(target);
  }

  /** What else is there already, so that one read takes as much as it can. */
  private int more(ByteBuffer target) throws IOException {
    int start = target.position();
    while (in.hasRemaining() && target.remaining() >= PLAIN_BYTES) {
      SSLEngineResult result = decrypt(target);
      if (result.getStatus() != SSLEngineResult.Status.OK) {
        break;
      }
    }
    return target.position() - start;
  }

  private SSLEngineResult decrypt(ByteBuffer target) throws IOException {
    SSLEngineResult result;
    if (target.remaining() >= PLAIN_BYTES) {
      result = engine.unwrap(in, target);
    } else {
      result = engine.unwrap(in, plain.clear());
      plain.flip();
      int unused = take(target);
    }
    HandshakeStatus status = result.getHandshakeStatus();
    if (status != HandshakeStatus.NOT_HANDSHAKING && status != HandshakeStatus.FINISHED) {
      afterHandshake(status);
    }
    return result;
  }

  private int take(ByteBuffer target) {
    int count = Math.min(plain.remaining(), target.remaining());
    target.put(plain.slice(plain.position(), count));
    plain.position(plain.position() + count);
    return count;
  }

  /** A new key, in TLS 1.3; in 1.2 it would be another handshake, at the client's pleasure. */
  private void afterHandshake(HandshakeStatus asked) throws IOException {
    if (engine.isInboundDone()) {
      return;
    }
    if (!engine.getSession().getProtocol().equals("TLSv1.3")) {
      throw new SSLException("a second handshake on a TLS 1.2 connection is not taken");
    }
    HandshakeStatus status = asked == HandshakeStatus.NEED_TASK ? runTasks() : asked;
    if (status == HandshakeStatus.NEED_WRAP) {
      writing.lock();
      try {
        status = sendHandshake();
      } finally {
        writing.unlock();
      }
    }
  }

  @Override
  public int write(ByteBuffer source) throws IOException {
    int start = source.position();
    writing.lock();
    try {
      out.clear();
      int recordBytes = engine.getSession().getPacketBufferSize();
      while (source.hasRemaining() && out.remaining() >= recordBytes) {
        SSLEngineResult result = engine.wrap(source, out);
        checkOpen(result);
        if (result.getHandshakeStatus() == HandshakeStatus.NEED_TASK) {
          HandshakeStatus unused = runTasks();
        }
      }
      send();
    } finally {
      writing.unlock();
    }
    return source.position() - start;
  }

  /**
   * The names in the client's certificate: the common name, then the alternative ones. Empty if it
   * has shown none.
   */
  public List<String> peerNames() {
    try {
      Certificate[] chain = engine.getSession().getPeerCertificates();
      return names((X509Certificate) chain[0]);
    } catch (SSLPeerUnverifiedException e) {
      return List.of();
    }
  }

  static List<String> names(X509Certificate certificate) {
    List<String> names = new ArrayList<>();
    try {
      for (Rdn part : new LdapName(certificate.getSubjectX500Principal().getName()).getRdns()) {
        if (part.getType().equalsIgnoreCase("CN")) {
          names.add(part.getValue().toString());
        }
      }
      if (certificate.getSubjectAlternativeNames() != null) {
        for (List<?> name : certificate.getSubjectAlternativeNames()) {
          if (TEXT_NAMES.contains(name.get(0))) {
            names.add(name.get(1).toString());
          }
        }
      }
    } catch (InvalidNameException | CertificateParsingException e) {
      // What can't be understood is no name that anybody is let in by.
    }
    return List.copyOf(names);
  }

  /** Protocol and cipher, for people. */
  public String description() {
    return engine.getSession().getProtocol() + " " + engine.getSession().getCipherSuite();
  }

  @Override
  public boolean isOpen() {
    return transport.isOpen();
  }

  /** Says goodbye if nobody is writing and there is room, and closes the transport. */
  @Override
  public void close() throws IOException {
    try {
      if (transport.isOpen() && writing.tryLock()) {
        try {
          if (out != null) {
            engine.closeOutbound();
            sendAlert();
          }
        } finally {
          writing.unlock();
        }
      }
    } finally {
      transport.close();
    }
  }
}
