package org.example.template;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.Filter;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class TemplateFilterTest {
  /** The time, which passes only while {@link #next} serves a bio. */
  private long nowNanos;

  private long serviceNanos;

  private final BlockDevice next =
      new BlockDevice() {
        @Override
        public DeviceGeometry geometry() {
          return new DeviceGeometry(1 << 20, 512, 4096, false, false, Set.of());
        }

        @Override
        public void submit(Bio bio) {
          nowNanos += serviceNanos;
        }
      };

  @Test
  void countsWhatTakesLongerThanAskedFor() throws ErrnoException {
    Filter filter = new TemplateFilter(Duration.ofMillis(5), () -> nowNanos);
    for (long millis : new long[] {1, 5, 6, 70}) {
      serviceNanos = millis * 1_000_000;
      filter.submit(new Bio().flush(), next);
    }
    assertEquals(Map.of("bio_count", 4L, "slow_count", 2L), filter.ctl("show", List.of()));
  }

  @Test
  void refusesWhatIsNoTime() {
    ErrnoException refused =
        assertThrows(
            ErrnoException.class,
            () -> new TemplateOperations().attach(null, Map.of("slow", "soon")));
    assertEquals(Errno.EINVAL, refused.errno());
  }
}
