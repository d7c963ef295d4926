package io.sluice.diffstore.file.internal;

import io.sluice.diffstore.DiffStoreProvider;
import io.sluice.tck.DiffStoreTck;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.io.TempDir;

/** The rules for difference stores, on both kinds. */
class FileDiffStoreTckTest {
  abstract static class Tck extends DiffStoreTck {
    @TempDir Path directory;

    @Override
    protected DiffStoreProvider provider() {
      return new FileDiffStoreProvider();
    }
  }

  @Nested
  class Named extends Tck {
    @Override
    protected String kind() {
      return FileDiffStoreProvider.FILE;
    }

    @Override
    protected String argument() {
      return directory.resolve("diff").toString();
    }

    @Override
    protected boolean namesOneStorage() {
      return true;
    }

    @Override
    protected Optional<Path> file() {
      return Optional.of(directory.resolve("diff"));
    }
  }

  @Nested
  class Unnamed extends Tck {
    @Override
    protected String kind() {
      return FileDiffStoreProvider.DIRECTORY;
    }

    @Override
    protected String argument() {
      return directory.toString();
    }

    @Override
    protected boolean namesOneStorage() {
      return false;
    }
  }
}
