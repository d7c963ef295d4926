package io.sluice.origin.file;

import io.sluice.block.OriginProvider;
import io.sluice.tck.OriginTck;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.io.TempDir;

/** The rules for origins, on a regular file whose length is a multiple of nothing. */
class FileOriginTckTest extends OriginTck {
  private static final int SIZE_BYTES = (128 << 10) + 777;

  @TempDir Path directory;
  private final OriginProvider provider = new FileOriginProvider(Alarm.ofSystem());

  @Override
  protected OriginProvider provider() {
    return provider;
  }

  @Override
  protected String path() throws IOException {
    Path file = directory.resolve("disk");
    if (!Files.exists(file)) {
      Files.write(file, new byte[SIZE_BYTES]);
    }
    return file.toString();
  }

  @Override
  protected Optional<String> otherPath() throws IOException {
    Path link = directory.resolve("link");
    if (!Files.exists(link)) {
      Files.createSymbolicLink(link, directory.resolve("disk"));
    }
    return Optional.of(link.toString());
  }

  @Override
  protected boolean loseStorage() throws IOException {
    Files.delete(directory.resolve("disk"));
    return true;
  }
}
