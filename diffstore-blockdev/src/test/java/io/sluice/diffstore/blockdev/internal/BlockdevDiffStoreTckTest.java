package io.sluice.diffstore.blockdev.internal;

import io.sluice.diffstore.DiffStoreProvider;
import io.sluice.linux.testing.LoopDevice;
import io.sluice.tck.DiffStoreTck;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;

class BlockdevDiffStoreTckTest extends DiffStoreTck {
  @TempDir static Path directory;
  private static LoopDevice loop;

  @BeforeAll
  static void makeDevice() throws IOException {
    loop = LoopDevice.over(Files.write(directory.resolve("image"), new byte[8 << 20]));
  }

  @AfterAll
  static void detachDevice() throws IOException {
    if (loop != null) {
      loop.close();
    }
  }

  @Override
  protected DiffStoreProvider provider() {
    return new BlockdevDiffStoreProvider();
  }

  @Override
  protected String kind() {
    return BlockdevDiffStoreProvider.KIND;
  }

  @Override
  protected String argument() {
    return loop.path().toString();
  }

  @Override
  protected boolean namesOneStorage() {
    return true;
  }
}
