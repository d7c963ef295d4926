package io.sluice.origin.file;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.OriginOptions;
import io.sluice.linux.testing.LoopDevice;
import io.sluice.linux.testing.Programs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OriginLossTest {
  @TempDir Path directory;

  private Path file() throws IOException {
    return Files.write(directory.resolve("disk"), new byte[65536]);
  }

  @Test
  void aFileThatGrowsIsThere_oneCutShortIsLost() throws IOException {
    Path file = file();
    try (OriginFixture f = new OriginFixture(file, OriginOptions.DEFAULT)) {
      Programs.succeed("truncate", "-s", "131072", file.toString());
      assertEquals(Optional.empty(), f.origin.lost());
      f.letSizeAge();
      assertEquals(131072, f.origin.geometry().sizeBytes());
      Programs.succeed("truncate", "-s", "100000", file.toString());
      assertEquals(
          Optional.of(file + " was cut short, from 131072 to 100000 bytes"), f.origin.lost());
    }
  }

  @Test
  void aDeletedFileIsLost_aMovedOneIsNot() throws IOException {
    Path file = file();
    try (OriginFixture f = new OriginFixture(file, OriginOptions.DEFAULT)) {
      Path moved = Files.move(file, directory.resolve("moved"));
      assertEquals(Optional.empty(), f.origin.lost());
      Files.delete(moved);
      assertEquals(Optional.of(file + " was deleted"), f.origin.lost());
      f.origin.close();
      assertEquals(Optional.empty(), f.origin.lost());
    }
  }

  @Test
  void aDeviceThatShrinksIsLost() throws IOException {
    Path file = file();
    try (LoopDevice loop = LoopDevice.over(file);
        OriginFixture f = new OriginFixture(loop.path(), OriginOptions.DEFAULT)) {
      assertEquals(Optional.empty(), f.origin.lost());
      Programs.succeed("truncate", "-s", "32768", file.toString());
      Programs.succeed("losetup", "-c", loop.path().toString());
      assertTrue(f.origin.lost().orElse("").contains("was cut short"), f.origin.lost()::toString);
    }
  }
}
