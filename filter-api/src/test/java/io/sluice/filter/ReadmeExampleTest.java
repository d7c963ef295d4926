package io.sluice.filter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.ErrnoException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;
import org.junit.jupiter.api.Test;

/** The filter shown in README.md compiles, works, and is the one that is shown. */
class ReadmeExampleTest {
  static final class CountingOperations implements FilterOperations {
    @Override
    public String name() {
      return "count";
    }

    @Override
    public Filter attach(FilterHost host, Map<String, String> options) {
      LongAdder writes = new LongAdder();
      return new Filter() {
        @Override
        public void submit(Bio bio, BlockDevice next) throws ErrnoException {
          if (bio.op() == BioOp.WRITE) {
            writes.increment();
          }
          next.submit(bio);
        }

        @Override
        public Map<String, Object> ctl(String command, List<String> arguments) {
          return Map.of("writes", writes.sum());
        }
      };
    }
  }

  private static final class Sink implements BlockDevice {
    int bioCount;

    @Override
    public DeviceGeometry geometry() {
      return new DeviceGeometry(4096, 1, 4096, false, false, EnumSet.allOf(BioOp.class));
    }

    @Override
    public void submit(Bio bio) {
      bioCount++;
    }
  }

  @Test
  void countsWrites_andPassesEverything() throws ErrnoException {
    Filter filter = new CountingOperations().attach(null, Map.of());
    Sink sink = new Sink();
    filter.submit(new Bio().write(0, ByteBuffer.allocate(1), 0), sink);
    filter.submit(new Bio().read(0, ByteBuffer.allocate(1)), sink);
    assertEquals(2, sink.bioCount);
    assertEquals(Map.of("writes", 1L), filter.ctl("any", List.of()));
  }

  @Test
  void isTheOneInTheReadme() throws IOException {
    String readme = squeeze(Files.readString(Path.of("README.md")));
    String source =
        Files.readString(Path.of("src/test/java/io/sluice/filter/ReadmeExampleTest.java"));
    String shown =
        source.substring(
            source.indexOf("final class CountingOperations"),
            source.indexOf("  private static final class Sink"));
    assertTrue(readme.contains(squeeze(shown)), "README.md shows another filter");
  }

  /** The README wraps lines in its own way. */
  private static String squeeze(String text) {
    return text.replaceAll("\\s+", "");
  }
}
