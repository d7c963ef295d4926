package io.sluice.itests;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** Where the tests find what was built. */
public final class Product {
  /** How many of the bundles are ours, at least. */
  private static final int OWN_BUNDLE_COUNT = 7;

  private Product() {}

  /** The repository's root. */
  public static Path repository() {
    return directory("sluice.test.repository");
  }

  /** The unpacked distribution. */
  public static Path home() {
    return directory("sluice.test.home");
  }

  /** All bundles of the product. */
  public static List<Path> bundles() {
    try (Stream<Path> files = Files.list(home().resolve("bundles"))) {
      return files.filter(file -> file.toString().endsWith(".jar")).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Those that are ours: their files carry our modules' names and version. */
  public static List<Path> ownBundles() {
    String version = home().getFileName().toString().replaceFirst("sluice-", "");
    List<Path> own =
        bundles().stream()
            .filter(jar -> jar.toString().endsWith("-" + version + ".jar"))
            .filter(jar -> !jar.getFileName().toString().startsWith("org."))
            .toList();
    if (own.size() < OWN_BUNDLE_COUNT) {
      throw new IllegalStateException("only " + own + " in " + home());
    }
    return own;
  }

  private static Path directory(String property) {
    String value = System.getProperty(property);
    if (value == null) {
      throw new IllegalStateException("system property " + property + " is not set; run by Maven");
    }
    return Path.of(value).toAbsolutePath().normalize();
  }
}
