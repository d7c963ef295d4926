package io.sluice.nbd.tls;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.cert.CRL;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads files of certificates and keys in PEM. */
final class PemFile {
  /** The largest file that is read. */
  static final int FILE_MAX_BYTES = 1 << 20;

  private static final Pattern BLOCK =
      Pattern.compile("-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END \\1-----");

  private static final String PRIVATE_KEY = "PRIVATE KEY";

  private PemFile() {}

  /**
   * The contents of a file.
   *
   * @throws ErrnoException ENOENT, EACCES or EIO if it can't be read; EFBIG if it is too large
   */
  static byte[] read(Path file) throws ErrnoException {
    try {
      long sizeBytes = Files.size(file);
      if (sizeBytes > FILE_MAX_BYTES) {
        throw new ErrnoException(
            Errno.EFBIG,
            "TLS file " + file + ": " + sizeBytes + " bytes, the limit is " + FILE_MAX_BYTES);
      }
      return Files.readAllBytes(file);
    } catch (ErrnoException e) {
      throw e;
    } catch (IOException e) {
      Errno errno =
          Files.notExists(file) ? Errno.ENOENT : Files.isReadable(file) ? Errno.EIO : Errno.EACCES;
      throw new ErrnoException(errno, "TLS file " + file + ": can't be read: " + e, e);
    }
  }

  /**
   * All certificates of a file, in its order.
   *
   * @throws ErrnoException as {@link #read}; EINVAL if there are none
   */
  static List<X509Certificate> certificates(Path file) throws ErrnoException {
    List<X509Certificate> found = new ArrayList<>();
    try {
      CertificateFactory.getInstance("X.509")
          .generateCertificates(new ByteArrayInputStream(read(file)))
          .forEach(certificate -> found.add((X509Certificate) certificate));
    } catch (CertificateException e) {
      throw new ErrnoException(
          Errno.EINVAL, "TLS file " + file + ": no certificate in PEM: " + e.getMessage(), e);
    }
    if (found.isEmpty()) {
      throw new ErrnoException(
          Errno.EINVAL, "TLS file " + file + ": there is no certificate in it");
    }
    return List.copyOf(found);
  }

  /**
   * All revocation lists of a file.
   *
   * @throws ErrnoException as {@link #read}; EINVAL if they can't be understood
   */
  static Collection<? extends CRL> revocations(Path file) throws ErrnoException {
    try {
      return CertificateFactory.getInstance("X.509")
          .generateCRLs(new ByteArrayInputStream(read(file)));
    } catch (GeneralSecurityException e) {
      throw new ErrnoException(
          Errno.EINVAL, "TLS file " + file + ": no revocation list in PEM: " + e.getMessage(), e);
    }
  }

  /**
   * The private key of a file.
   *
   * @param algorithm the certificate's, since the key does not say it
   * @throws ErrnoException as {@link #read}; EINVAL if there is none, or none in PKCS#8 without a
   *     password
   */
  static PrivateKey privateKey(Path file, String algorithm) throws ErrnoException {
    Matcher block = BLOCK.matcher(new String(read(file), StandardCharsets.ISO_8859_1));
    String other = null;
    while (block.find()) {
      String type = block.group(1);
      if (type.equals(PRIVATE_KEY)) {
        return decode(file, algorithm, block.group(2));
      }
      if (type.endsWith(PRIVATE_KEY)) {
        other = type;
      }
    }
    throw new ErrnoException(
        Errno.EINVAL,
        other == null
            ? "TLS file " + file + ": there is no private key in it"
            : "TLS file "
                + file
                + ": a key of the form \"BEGIN "
                + other
                + "\" is not read; convert it: openssl pkcs8 -topk8 -nocrypt -in "
                + file.getFileName()
                + " -out new.pem");
  }

  private static PrivateKey decode(Path file, String algorithm, String base64)
      throws ErrnoException {
    try {
      byte[] encoded = Base64.getMimeDecoder().decode(base64);
      return KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(encoded));
    } catch (GeneralSecurityException | IllegalArgumentException e) {
      throw new ErrnoException(
          Errno.EINVAL,
          "TLS file "
              + file
              + ": no private key for an "
              + algorithm
              + " certificate: "
              + e.getMessage(),
          e);
    }
  }
}
