package io.sluice.shell.backup;

import com.fasterxml.jackson.jr.ob.JSON;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.io.IOException;
import java.net.URI;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Names of what qemu's tools open, in their {@code json:} form, where no character of a path or of
 * a name has a meaning.
 */
final class Sources {
  private Sources() {}

  /**
   * An export at an address of its exporter.
   *
   * @param address {@code nbd+unix:///NAME?socket=PATH}
   * @throws ErrnoException EINVAL for an address of another form
   */
  static Map<String, Object> nbd(String address) throws ErrnoException {
    URI uri = URI.create(address);
    String query = uri.getQuery();
    if (!"nbd+unix".equals(uri.getScheme()) || query == null || !query.startsWith("socket=")) {
      throw new ErrnoException(Errno.EINVAL, "no address of an NBD unix socket: " + address);
    }
    return of(
        "driver",
        "nbd",
        "export",
        uri.getPath().substring(1),
        "server",
        of("type", "unix", "path", query.substring("socket=".length())));
  }

  /** A file, with what its format says on top. */
  static Map<String, Object> file(BackupFormat format, String name) {
    return of("driver", format.id(), "file", of("driver", "file", "filename", name));
  }

  /** All of a node, as raw bytes. */
  static Map<String, Object> raw(Map<String, Object> node) {
    return of("driver", "raw", "file", node);
  }

  /** A part of a node. */
  static Map<String, Object> part(Map<String, Object> node, long offsetBytes, long lengthBytes) {
    return of("driver", "raw", "offset", offsetBytes, "size", lengthBytes, "file", node);
  }

  /** The name to give to a tool. */
  static String name(Map<String, Object> node) {
    try {
      return "json:" + JSON.std.asString(node);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  /** A file of the directory that a tool starts in, as an argument that can be no option. */
  static String here(String file) {
    return "./" + file;
  }

  private static Map<String, Object> of(Object... pairs) {
    Map<String, Object> node = new LinkedHashMap<>();
    for (int i = 0; i < pairs.length; i += 2) {
      node.put((String) pairs[i], pairs[i + 1]);
    }
    return node;
  }
}
