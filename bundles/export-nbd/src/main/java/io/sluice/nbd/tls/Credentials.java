package io.sluice.nbd.tls;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.Key;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.CertStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXBuilderParameters;
import java.security.cert.X509CertSelector;
import java.security.cert.X509Certificate;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import javax.net.ssl.CertPathTrustManagerParameters;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;

/**
 * The server's certificate, and whom it trusts, from a directory with the names that QEMU and
 * libnbd use: {@code server-cert.pem} and {@code server-key.pem}, or both in {@code server.p12}
 * with its password in {@code server.p12.password}; {@code ca-cert.pem} for clients' certificates,
 * and {@code ca-crl.pem} for those that are revoked.
 */
final class Credentials {
  static final String CERTIFICATE = "server-cert.pem";
  static final String KEY = "server-key.pem";
  static final String KEY_STORE = "server.p12";
  static final String KEY_STORE_PASSWORD = "server.p12.password";
  static final String AUTHORITIES = "ca-cert.pem";
  static final String REVOCATIONS = "ca-crl.pem";

  /** All files there may be. */
  static final List<String> FILES =
      List.of(CERTIFICATE, KEY, KEY_STORE, KEY_STORE_PASSWORD, AUTHORITIES, REVOCATIONS);

  private static final char[] IN_MEMORY = {};
  private static final System.Logger LOG = System.getLogger(Credentials.class.getPackageName());

  private final SSLContext context;
  private final boolean trusts;

  private Credentials(SSLContext context, boolean trusts) {
    this.context = context;
    this.trusts = trusts;
  }

  /** What connections are made with. */
  SSLContext context() {
    return context;
  }

  /** Whether clients' certificates can be verified. */
  boolean trusts() {
    return trusts;
  }

  /**
   * Reads a directory.
   *
   * @throws ErrnoException ENOENT if a file that is needed is not there; EINVAL if what is in one
   *     can't be used; and as the files can't be read
   */
  static Credentials load(Path directory) throws ErrnoException {
    try {
      KeyStore keys =
          Files.exists(directory.resolve(CERTIFICATE))
                  || !Files.exists(directory.resolve(KEY_STORE))
              ? fromPem(directory)
              : fromPkcs12(directory);
      KeyManagerFactory managers =
          KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
      managers.init(keys, IN_MEMORY);
      TrustManager[] trust = trust(directory);
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(managers.getKeyManagers(), trust, null);
      return new Credentials(context, trust.length > 0);
    } catch (GeneralSecurityException | IOException e) {
      if (e instanceof ErrnoException told) {
        throw told;
      }
      throw new ErrnoException(
          Errno.EINVAL, "TLS directory " + directory + ": can't be used: " + e.getMessage(), e);
    }
  }

  private static KeyStore fromPem(Path directory) throws GeneralSecurityException, IOException {
    Path file = directory.resolve(CERTIFICATE);
    List<X509Certificate> chain = PemFile.certificates(file);
    X509Certificate own = chain.get(0);
    PrivateKey key = PemFile.privateKey(directory.resolve(KEY), own.getPublicKey().getAlgorithm());
    if (!isPair(key, own.getPublicKey())) {
      throw new ErrnoException(
          Errno.EINVAL, "TLS files " + file + " and " + KEY + ": the key is not the certificate's");
    }
    warnOfTime(file, own);
    return store(key, chain.toArray(new Certificate[0]));
  }

  private static KeyStore store(Key key, Certificate[] chain)
      throws GeneralSecurityException, IOException {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    store.setKeyEntry("server", key, IN_MEMORY, chain);
    return store;
  }

  private static KeyStore fromPkcs12(Path directory) throws GeneralSecurityException, IOException {
    Path file = directory.resolve(KEY_STORE);
    Path passwordFile = directory.resolve(KEY_STORE_PASSWORD);
    char[] password =
        Files.exists(passwordFile)
            ? new String(PemFile.read(passwordFile), StandardCharsets.UTF_8).strip().toCharArray()
            : new char[0];
    try {
      KeyStore found = KeyStore.getInstance("PKCS12");
      found.load(new ByteArrayInputStream(PemFile.read(file)), password);
      for (String alias : Collections.list(found.aliases())) {
        if (found.isKeyEntry(alias)) {
          Certificate[] chain = found.getCertificateChain(alias);
          warnOfTime(file, (X509Certificate) chain[0]);
          return store(found.getKey(alias, password), chain);
        }
      }
    } catch (ErrnoException e) {
      throw e;
    } catch (GeneralSecurityException | IOException e) {
      throw new ErrnoException(
          Errno.EINVAL,
          "TLS file "
              + file
              + ": can't be opened: "
              + e.getMessage()
              + "; its password is expected in "
              + KEY_STORE_PASSWORD,
          e);
    }
    throw new ErrnoException(Errno.EINVAL, "TLS file " + file + ": there is no key in it");
  }

  /** Whether what the one signs the other verifies. */
  private static boolean isPair(PrivateKey key, PublicKey certified)
      throws GeneralSecurityException {
    String algorithm =
        switch (certified.getAlgorithm().toUpperCase(Locale.ROOT)) {
          case "RSA" -> "SHA256withRSA";
          case "EC" -> "SHA256withECDSA";
          default -> certified.getAlgorithm();
        };
    byte[] text = "sluice".getBytes(StandardCharsets.US_ASCII);
    Signature signature = Signature.getInstance(algorithm);
    signature.initSign(key);
    signature.update(text);
    byte[] signed = signature.sign();
    signature.initVerify(certified);
    signature.update(text);
    return signature.verify(signed);
  }

  /** Clients will refuse it; the server need not. */
  private static void warnOfTime(Path file, X509Certificate certificate) {
    try {
      certificate.checkValidity();
    } catch (CertificateException e) {
      LOG.log(
          System.Logger.Level.WARNING,
          () -> "TLS certificate " + file + ": clients will refuse it: " + e);
    }
  }

  /** Whom clients' certificates must come from; none if there is no such file. */
  private static TrustManager[] trust(Path directory) throws GeneralSecurityException, IOException {
    Path file = directory.resolve(AUTHORITIES);
    if (!Files.exists(file)) {
      return new TrustManager[0];
    }
    KeyStore authorities = KeyStore.getInstance("PKCS12");
    authorities.load(null, null);
    List<X509Certificate> found = PemFile.certificates(file);
    for (int i = 0; i < found.size(); i++) {
      authorities.setCertificateEntry("ca" + i, found.get(i));
    }
    TrustManagerFactory factory = TrustManagerFactory.getInstance("PKIX");
    Path revocations = directory.resolve(REVOCATIONS);
    if (Files.exists(revocations)) {
      PKIXBuilderParameters parameters =
          new PKIXBuilderParameters(authorities, new X509CertSelector());
      parameters.addCertStore(
          CertStore.getInstance(
              "Collection", new CollectionCertStoreParameters(PemFile.revocations(revocations))));
      parameters.setRevocationEnabled(true);
      factory.init(new CertPathTrustManagerParameters(parameters));
    } else {
      factory.init(authorities);
    }
    return factory.getTrustManagers();
  }
}
