package io.sluice.nbd.tls;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Key;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** An authority and what it has signed, made by keytool in a directory. */
public final class Certificates {
  private static final String PASSWORD = "secret";

  private final Path directory;
  private final String authority;

  /** A new authority. */
  public Certificates(Path directory) throws Exception {
    this.directory = directory;
    keytool("ca", "-genkeypair", "-keyalg", "EC", "-dname", "CN=authority", "-ext", "bc:c");
    authority = pem("CERTIFICATE", open("ca").getCertificate("ca").getEncoded());
  }

  private Path store(String name) {
    return directory.resolve(name + ".p12");
  }

  private void keytool(String store, String... arguments) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "keytool").toString());
    command.addAll(Arrays.asList(arguments));
    command.addAll(
        List.of("-keystore", store(store).toString(), "-storetype", "PKCS12", "-alias", store));
    command.addAll(List.of("-storepass", PASSWORD, "-J-Xshare:auto", "-J-XX:TieredStopAtLevel=1"));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() != 0) {
      throw new IOException(command + ": " + said);
    }
  }

  /** Signs a certificate for this name, with this address or name beside it. */
  public Certificates sign(String name, String alternative) throws Exception {
    keytool(name, "-genkeypair", "-keyalg", "EC", "-dname", "CN=" + name);
    String request = directory.resolve("request").toString();
    String signed = directory.resolve("signed").toString();
    keytool(name, "-certreq", "-file", request);
    keytool("ca", "-gencert", "-infile", request, "-outfile", signed, "-ext", "san=" + alternative);
    Path chain = directory.resolve("chain");
    Files.writeString(chain, pem("CERTIFICATE", Files.readAllBytes(Path.of(signed))) + authority);
    keytool(name, "-importcert", "-noprompt", "-file", chain.toString());
    return this;
  }

  /** Puts the authority's list of revoked certificates into a directory: this one's is on it. */
  public void revoke(String name, Path into) throws Exception {
    String serial =
        ((X509Certificate) open(name).getCertificate(name)).getSerialNumber().toString();
    String file = into.resolve("ca-crl.pem").toString();
    keytool("ca", "-gencrl", "-id", serial, "-rfc", "-file", file);
  }

  static String pem(String type, byte[] encoded) {
    return "-----BEGIN "
        + type
        + "-----\n"
        + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(encoded)
        + "\n-----END "
        + type
        + "-----\n";
  }

  private KeyStore open(String name) throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS12");
    try (var in = Files.newInputStream(store(name))) {
      store.load(in, PASSWORD.toCharArray());
    }
    return store;
  }

  /** Puts the files of a server of this name into a directory. */
  public Path serve(String name, Path into) throws Exception {
    Files.createDirectories(into);
    KeyStore store = open(name);
    StringBuilder chain = new StringBuilder("Some words that tools put before.\n");
    for (Certificate certificate : store.getCertificateChain(name)) {
      chain.append(pem("CERTIFICATE", certificate.getEncoded()));
    }
    Key key = store.getKey(name, PASSWORD.toCharArray());
    Files.writeString(into.resolve("server-key.pem"), pem("PRIVATE KEY", key.getEncoded()));
    Files.writeString(into.resolve("server-cert.pem"), chain.toString());
    Files.writeString(into.resolve("ca-cert.pem"), authority);
    return into;
  }

  /** Puts the same into one PKCS#12 file, and its password beside it. */
  public Path servePkcs12(String name, Path into) throws Exception {
    Files.createDirectories(into);
    Files.copy(store(name), into.resolve("server.p12"));
    Files.writeString(into.resolve("server.p12.password"), PASSWORD + "\n");
    return into;
  }

  /**
   * What a client trusts and shows.
   *
   * @param name whose certificate it shows, or null for none
   */
  public SSLContext client(String name) throws Exception {
    KeyStore trusted = KeyStore.getInstance("PKCS12");
    trusted.load(null, null);
    trusted.setCertificateEntry("ca", open("ca").getCertificate("ca"));
    TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
    trust.init(trusted);
    KeyManagerFactory keys = null;
    if (name != null) {
      keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
      keys.init(open(name), PASSWORD.toCharArray());
    }
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keys == null ? null : keys.getKeyManagers(), trust.getTrustManagers(), null);
    return context;
  }
}
