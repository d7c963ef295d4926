package io.sluice.nbd.tls;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.FutureTask;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLServerSocket;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What of a directory is no certificate, and that the message says what to do. */
class CredentialsTest {
  @TempDir static Path made;
  private static Certificates certificates;

  @TempDir Path directory;

  @BeforeAll
  static void make() throws Exception {
    certificates =
        new Certificates(made).sign("server", "dns:localhost").sign("other", "dns:localhost");
  }

  @BeforeEach
  void serve() throws Exception {
    certificates.serve("server", directory);
  }

  private void refused(Errno errno, String part) {
    ErrnoException e = assertThrows(ErrnoException.class, () -> Credentials.load(directory));
    assertEquals(errno, e.errno(), e.getMessage());
    assertTrue(e.getMessage().contains(part), e.getMessage());
  }

  private void write(String file, String text) throws Exception {
    Files.writeString(directory.resolve(file), text);
  }

  @Test
  void aWholeDirectoryIsTaken() throws Exception {
    assertTrue(Credentials.load(directory).trusts());
    Files.delete(directory.resolve("ca-cert.pem"));
    assertEquals(false, Credentials.load(directory).trusts());
  }

  @Test
  void pkcs12IsTakenWithItsPassword(@TempDir Path other) throws Exception {
    certificates.servePkcs12("server", other);
    assertEquals(false, Credentials.load(other).trusts());
    Files.writeString(other.resolve("server.p12.password"), "wrong");
    ErrnoException e = assertThrows(ErrnoException.class, () -> Credentials.load(other));
    assertTrue(e.getMessage().contains("server.p12.password"), e.getMessage());
  }

  @Test
  void filesThatAreMissingAreNamed() throws Exception {
    Files.delete(directory.resolve("server-key.pem"));
    refused(Errno.ENOENT, "server-key.pem");
    Files.delete(directory.resolve("server-cert.pem"));
    refused(Errno.ENOENT, "server-cert.pem");
  }

  @Test
  void keysOfOtherFormsAreToldHowToBeConverted() throws Exception {
    for (String type :
        new String[] {"RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"}) {
      write("server-key.pem", "-----BEGIN " + type + "-----\nAAAA\n-----END " + type + "-----\n");
      refused(Errno.EINVAL, "openssl pkcs8 -topk8 -nocrypt -in server-key.pem -out new.pem");
    }
  }

  @Test
  void aKeyOfAnotherCertificateIsSeen() throws Exception {
    Path other = Files.createDirectory(directory.resolve("other"));
    certificates.serve("other", other);
    Files.copy(
        other.resolve("server-key.pem"),
        directory.resolve("server-key.pem"),
        java.nio.file.StandardCopyOption.REPLACE_EXISTING);
    refused(Errno.EINVAL, "the key is not the certificate's");
  }

  @Test
  void nonsenseIsRefused() throws Exception {
    write("server-key.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    refused(Errno.EINVAL, "no private key for an EC certificate");
    write("server-key.pem", "nothing");
    refused(Errno.EINVAL, "no private key in it");
    write("server-cert.pem", "nothing");
    refused(Errno.EINVAL, "server-cert.pem");
    write("server-cert.pem", "x".repeat(PemFile.FILE_MAX_BYTES + 1));
    refused(Errno.EFBIG, "the limit is 1048576");
  }

  @Test
  void withoutAnAuthorityNoCertificateCanBeAskedFor() throws Exception {
    Files.delete(directory.resolve("ca-cert.pem"));
    ErrnoException e = assertThrows(ErrnoException.class, () -> new TlsServer(directory, true));
    assertEquals(Errno.ENOENT, e.errno());
    assertTrue(e.getMessage().contains("ca-cert.pem"), e.getMessage());
  }

  /** Whether a client with this certificate gets through the handshake. */
  private boolean letsIn(String client) throws Exception {
    SSLContext context = Credentials.load(directory).context();
    try (SSLServerSocket listener =
        (SSLServerSocket)
            context
                .getServerSocketFactory()
                .createServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      listener.setNeedClientAuth(true);
      FutureTask<Void> clientSide =
          new FutureTask<>(
              () -> {
                try (Socket socket =
                    certificates
                        .client(client)
                        .getSocketFactory()
                        .createSocket(listener.getInetAddress(), listener.getLocalPort())) {
                  socket.getOutputStream().write(1);
                  return null;
                }
              });
      new Thread(clientSide, "client").start();
      try (Socket accepted = listener.accept()) {
        return accepted.getInputStream().read() == 1;
      } catch (SSLException e) {
        return false;
      }
    }
  }

  @Test
  void aRevokedCertificateIsNotLetIn() throws Exception {
    assertTrue(letsIn("other"));
    certificates.revoke("other", directory);
    assertFalse(letsIn("other"));
    assertTrue(letsIn("server"), "the others are");
    write("ca-crl.pem", "no list");
    refused(Errno.EINVAL, "ca-crl.pem");
  }
}
