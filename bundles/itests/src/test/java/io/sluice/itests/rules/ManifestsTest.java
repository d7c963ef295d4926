package io.sluice.itests.rules;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.itests.Product;
import java.io.DataInputStream;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.TreeSet;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.Manifest;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** What the shipped bundles say of themselves. */
class ManifestsTest {
  private static final String API = "io.sluice.filter.api";
  private static final Set<String> API_PACKAGES =
      Set.of(
          "io.sluice.block",
          "io.sluice.diffstore",
          "io.sluice.export",
          "io.sluice.filter",
          "io.sluice.pin",
          "io.sluice.snapshot",
          "io.sluice.swap");

  /** The class file format of Java 17. */
  private static final int CLASS_MAJOR_MAX = 61;

  @Test
  void onlyTheApiExportsPackages() throws IOException {
    Set<String> exporting = new TreeSet<>();
    for (Path jar : Product.ownBundles()) {
      Manifest manifest = manifest(jar);
      if (manifest.getMainAttributes().getValue("Export-Package") != null) {
        exporting.add(manifest.getMainAttributes().getValue("Bundle-SymbolicName"));
      }
    }
    assertEquals(Set.of(API), exporting);
  }

  @Test
  void ofOurPackagesOnlyTheApisAreImported() throws IOException {
    List<String> wrong = new ArrayList<>();
    int seen = 0;
    for (Path jar : Product.ownBundles()) {
      String imports = manifest(jar).getMainAttributes().getValue("Import-Package");
      for (String clause : imports == null ? new String[0] : imports.split(",(?=[a-z])", -1)) {
        String name = clause.replaceFirst(";.*", "");
        if (name.startsWith("io.sluice.")) {
          seen++;
          if (!API_PACKAGES.contains(name)) {
            wrong.add(jar.getFileName() + " imports " + name);
          }
        }
      }
    }
    assertEquals(List.of(), wrong);
    assertTrue(seen >= 10, "only " + seen + " imports of the API seen");
  }

  @Test
  void theLaunchersJarHasTheGuardedFrameworkAndNoOther() throws Exception {
    URL jar = Product.home().resolve("lib/sluiced.jar").toUri().toURL();
    try (URLClassLoader loader =
        new URLClassLoader(new URL[] {jar}, ClassLoader.getPlatformClassLoader())) {
      Class<?> factory = loader.loadClass("org.osgi.framework.launch.FrameworkFactory");
      assertEquals(
          List.of("org.apache.felix.framework.GuardedFrameworkFactory"),
          ServiceLoader.load(factory, loader).stream()
              .map(provider -> provider.type().getName())
              .toList());
      assertNotNull(loader.findResource("io/sluice/pin/BundlePins.class"), "the pins");
      assertNull(loader.findResource("io/sluice/filter/Filter.class"), "the API's other packages");
    }
  }

  @Test
  void classesAreOfJava17() throws IOException {
    List<String> wrong = new ArrayList<>();
    int seen = 0;
    for (Path path : Product.ownBundles()) {
      try (JarFile jar = new JarFile(path.toFile())) {
        for (JarEntry entry :
            jar.stream().filter(e -> e.getName().endsWith(".class")).collect(Collectors.toList())) {
          try (DataInputStream content = new DataInputStream(jar.getInputStream(entry))) {
            assertEquals(0xCAFEBABE, content.readInt(), entry.getName());
            content.readUnsignedShort();
            int major = content.readUnsignedShort();
            seen++;
            if (major > CLASS_MAJOR_MAX) {
              wrong.add(path.getFileName() + ": " + entry.getName() + " has version " + major);
            }
          }
        }
      }
    }
    assertEquals(List.of(), wrong);
    assertTrue(seen >= 100, "only " + seen + " classes seen");
  }

  private static Manifest manifest(Path path) throws IOException {
    try (JarFile jar = new JarFile(path.toFile())) {
      return jar.getManifest();
    }
  }
}
