package io.sluice.nbd.tls;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLParameters;

/**
 * Makes the server's side of TLS connections, 1.2 and 1.3, with what is in the directory at the
 * time: when a file changes, the next connection has it. What can't be used leaves what was used
 * before. Thread-safe.
 */
public final class TlsServer {
  private static final System.Logger LOG = System.getLogger(TlsServer.class.getPackageName());

  private final Path directory;
  private final boolean verifyPeer;
  private Credentials credentials;
  private List<String> stamp;

  /**
   * @param directory as {@link Credentials} describes it
   * @param verifyPeer whether a client must have a certificate; if not, one that has is verified
   *     all the same
   * @throws ErrnoException if it can't be used, and says why
   */
  public TlsServer(Path directory, boolean verifyPeer) throws ErrnoException {
    this.directory = directory;
    this.verifyPeer = verifyPeer;
    this.stamp = stamp();
    this.credentials = load();
  }

  private Credentials load() throws ErrnoException {
    Credentials loaded = Credentials.load(directory);
    if (verifyPeer && !loaded.trusts()) {
      throw new ErrnoException(
          Errno.ENOENT,
          "TLS directory "
              + directory
              + ": without "
              + Credentials.AUTHORITIES
              + " no client's certificate can be verified; put it there, or set"
              + " sluice.nbd.tls.verify-peer=false");
    }
    return loaded;
  }

  /** The server's side of one connection, which has not begun. */
  SSLEngine engine() {
    Credentials now = current();
    SSLEngine engine = now.context().createSSLEngine();
    engine.setUseClientMode(false);
    SSLParameters parameters = engine.getSSLParameters();
    parameters.setProtocols(new String[] {"TLSv1.3", "TLSv1.2"});
    parameters.setUseCipherSuitesOrder(true);
    if (verifyPeer) {
      parameters.setNeedClientAuth(true);
    } else if (now.trusts()) {
      parameters.setWantClientAuth(true);
    }
    engine.setSSLParameters(parameters);
    return engine;
  }

  private synchronized Credentials current() {
    List<String> seen = stamp();
    if (!seen.equals(stamp)) {
      stamp = seen;
      try {
        credentials = load();
        LOG.log(
            System.Logger.Level.INFO, () -> "TLS certificates are read again from " + directory);
      } catch (ErrnoException e) {
        LOG.log(
            System.Logger.Level.WARNING,
            () -> "TLS goes on with the certificates it has: " + e.getMessage());
      }
    }
    return credentials;
  }

  /** What differs once a file is another. */
  private List<String> stamp() {
    List<String> stamps = new ArrayList<>();
    for (String name : Credentials.FILES) {
      try {
        BasicFileAttributes file =
            Files.readAttributes(directory.resolve(name), BasicFileAttributes.class);
        stamps.add(name + " " + file.lastModifiedTime() + " " + file.size() + " " + file.fileKey());
      } catch (IOException e) {
        stamps.add(name + " none");
      }
    }
    return stamps;
  }
}
