package io.sluice.registry;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Where exporters serve devices at: files, whose names are compared and which are never asked,
 * since this process answers for them; and addresses that NBD clients connect to.
 */
final class ServedAddresses {
  /** The most links on the way to a file. */
  private static final int LINK_COUNT_MAX = 16;

  private static final String FILE_SCHEME = "file:";
  private static final String SOCKET_QUERY = "socket=";

  private final Map<String, String> deviceByAddress;
  private final Map<Path, String> deviceByFile = new HashMap<>();

  /**
   * @param deviceByAddress names of devices by absolute paths and URIs
   */
  ServedAddresses(Map<String, String> deviceByAddress) {
    this.deviceByAddress = deviceByAddress;
    deviceByAddress.forEach(
        (address, device) -> {
          if (address.startsWith("/")) {
            deviceByFile.put(real(Path.of(address)), device);
          } else if (address.startsWith(FILE_SCHEME)) {
            deviceByFile.put(real(Path.of(URI.create(address))), device);
          }
        });
  }

  /** The device that is served as a file, by any path that leads to it. */
  Optional<String> byFile(String path) {
    if (deviceByFile.isEmpty()) {
      return Optional.empty();
    }
    try {
      Path at = Path.of(path).toAbsolutePath().normalize();
      for (int i = 0; i < LINK_COUNT_MAX; i++) {
        String device = deviceByFile.get(at); // as the kernel has it: asks nobody
        device = device != null ? device : deviceByFile.get(real(at));
        if (device != null) {
          return Optional.of(device);
        }
        if (!Files.isSymbolicLink(at)) {
          break;
        }
        at = target(at);
      }
    } catch (IOException | InvalidPathException e) {
      return Optional.empty();
    }
    return Optional.empty();
  }

  /**
   * A path with the links on its way followed, but neither the file itself nor a directory that is
   * a link to one that is served.
   */
  private static Path real(Path file) {
    Path directory = file.getParent();
    try {
      if (directory == null || directory.getParent() == null) {
        return file;
      }
      if (Files.isSymbolicLink(directory)) {
        // What the link leads to may be what is served: only the link's own place is looked at.
        Path link = around(directory);
        return target(link).resolve(file.getFileName());
      }
      return around(directory).resolve(file.getFileName());
    } catch (IOException e) {
      return file;
    }
  }

  private static Path around(Path directory) throws IOException {
    return directory.getParent().toRealPath().resolve(directory.getFileName());
  }

  private static Path target(Path link) throws IOException {
    return link.resolveSibling(Files.readSymbolicLink(link)).normalize();
  }

  /** The device that a program has open over NBD, by the words it was started with. */
  Optional<String> byClient(List<String> words) {
    return deviceByAddress.entrySet().stream()
        .filter(entry -> opens(words, entry.getKey()))
        .map(Map.Entry::getValue)
        .findFirst();
  }

  /** By the URI, or as nbd-client has it: {@code -unix SOCKET -N NAME}. */
  private static boolean opens(List<String> words, String address) {
    if (words.contains(address)) {
      return true;
    }
    if (!address.startsWith("nbd+unix:")) {
      return false;
    }
    URI uri = URI.create(address);
    String query = uri.getQuery() == null ? "" : uri.getQuery();
    String name = uri.getPath() == null ? "" : uri.getPath().replaceFirst("^/", "");
    return query.startsWith(SOCKET_QUERY)
        && words.contains(query.substring(SOCKET_QUERY.length()))
        && (named(words, "-N", name) || named(words, "-name", name));
  }

  private static boolean named(List<String> words, String option, String name) {
    int at = words.indexOf(option);
    return at >= 0 && at + 1 < words.size() && words.get(at + 1).equals(name);
  }
}
