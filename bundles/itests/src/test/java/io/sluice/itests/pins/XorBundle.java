package io.sluice.itests.pins;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import org.osgi.framework.Constants;

/** Makes the jar of a filter's bundle as somebody outside would have it. */
public final class XorBundle {
  /** The bundle's name. */
  public static final String SYMBOLIC_NAME = "outside.xor";

  private XorBundle() {}

  /** The jar's bytes. */
  public static InputStream content(String version) throws IOException {
    return new ByteArrayInputStream(
        jar(
            List.of(XorActivator.class),
            Constants.BUNDLE_SYMBOLICNAME,
            SYMBOLIC_NAME,
            Constants.BUNDLE_VERSION,
            version,
            Constants.IMPORT_PACKAGE,
            "org.osgi.framework,io.sluice.block;version=\"[1.0,2)\","
                + "io.sluice.filter;version=\"[1.0,2)\""));
  }

  /** A bundle of some classes, the first its activator; {@code headers} are names and values. */
  static byte[] jar(List<Class<?>> classes, String... headers) throws IOException {
    Manifest manifest = new Manifest();
    Attributes attributes = manifest.getMainAttributes();
    attributes.put(Attributes.Name.MANIFEST_VERSION, "1.0");
    attributes.putValue(Constants.BUNDLE_MANIFESTVERSION, "2");
    attributes.putValue(Constants.BUNDLE_ACTIVATOR, classes.get(0).getName());
    for (int i = 0; i < headers.length; i += 2) {
      attributes.putValue(headers[i], headers[i + 1]);
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (JarOutputStream jar = new JarOutputStream(bytes, manifest)) {
      for (Class<?> type : classes) {
        String path = type.getName().replace('.', '/') + ".class";
        jar.putNextEntry(new JarEntry(path));
        try (InputStream code = type.getClassLoader().getResourceAsStream(path)) {
          code.transferTo(jar);
        }
      }
    }
    return bytes.toByteArray();
  }

  /** Puts the jar into a directory at once, so that nobody sees half of it. */
  static void drop(Path jar, String version, long modifiedMillis) throws IOException {
    Path whole = jar.resolveSibling(jar.getFileName() + ".part");
    try (InputStream content = content(version)) {
      Files.copy(content, whole, StandardCopyOption.REPLACE_EXISTING);
    }
    Files.setLastModifiedTime(whole, FileTime.fromMillis(modifiedMillis));
    Files.move(whole, jar, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }
}
