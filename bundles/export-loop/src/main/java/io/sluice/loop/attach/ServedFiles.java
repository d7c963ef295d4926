package io.sluice.loop.attach;

import java.nio.file.Path;
import java.util.Optional;

/** The files that live devices and images are served as. */
@FunctionalInterface
public interface ServedFiles {
  /** The file of a device, by its name; empty if it is served as none. */
  Optional<Path> fileOf(String device);
}
