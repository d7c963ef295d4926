package io.sluice.origin.file;

import io.sluice.block.OriginProvider;
import io.sluice.linux.testing.LoopDevice;
import io.sluice.tck.OriginTck;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;

/** The rules for origins, on a loop device. */
class BlockSpecialTckTest extends OriginTck {
  private static final int SIZE_BYTES = 128 << 10;

  @TempDir Path directory;
  private final OriginProvider provider = new FileOriginProvider(Alarm.ofSystem());
  private LoopDevice loop;

  @Override
  protected OriginProvider provider() {
    return provider;
  }

  @Override
  protected String path() throws IOException {
    if (loop == null) {
      loop = LoopDevice.over(Files.write(directory.resolve("backing"), new byte[SIZE_BYTES]));
    }
    return loop.path().toString();
  }

  @AfterEach
  void detachLoop() throws IOException {
    if (loop != null) {
      loop.close();
    }
  }
}
