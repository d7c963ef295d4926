package io.sluice.registry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.OriginOptions;
import io.sluice.filter.AttachRequest;
import io.sluice.filter.OnError;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DevicePropertiesTest {
  @Test
  void whatIsWrittenIsReadAgain() throws Exception {
    DeviceSetup setup =
        new DeviceSetup(
            "disk",
            "/srv/disk.img",
            new OriginOptions(true, true, 4096),
            List.of(
                new AttachRequest(
                    "disk",
                    "throttle",
                    OptionalInt.of(700),
                    OnError.BYPASS,
                    Optional.of(Duration.ofMillis(2500)),
                    Map.of("iops", "100", "burst", "a=b, c")),
                AttachRequest.of("disk", "blksnap")));
    assertEquals(setup, DeviceProperties.read(DeviceProperties.write(setup)));
  }

  private static Map<String, Object> written(String... keysAndValues) {
    Map<String, Object> properties = new TreeMap<>(Map.of("name", "disk", "path", "/p"));
    for (int i = 0; i < keysAndValues.length; i += 2) {
      properties.put(keysAndValues[i], keysAndValues[i + 1]);
    }
    return properties;
  }

  /** As in a file: everything is text, lists have commas. */
  @Test
  void whatAPersonWritesIsRead() throws Exception {
    DeviceSetup setup =
        DeviceProperties.read(
            written("filters", "throttle, blksnap", "filter.throttle.option.iops", "100"));
    assertEquals(OriginOptions.DEFAULT, setup.options());
    assertEquals(
        List.of("throttle", "blksnap"),
        setup.filters().stream().map(AttachRequest::filter).toList());
    assertEquals(Map.of("iops", "100"), setup.filters().get(0).options());
    assertEquals(OnError.FAIL, setup.filters().get(0).onError());
  }

  @ParameterizedTest
  @CsvSource({
    "block-size, big",
    "filter.blksnap.altitude, high",
    "filter.blksnap.on-error, ignore",
    "filter.blksnap.call-limit, 5 s",
    "path, ''",
  })
  void anUnreadableValueIsNamed(String key, String value) {
    ErrnoException refusal =
        assertThrows(
            ErrnoException.class,
            () -> DeviceProperties.read(written("filters", "blksnap", key, value)));
    assertEquals(Errno.EINVAL, refusal.errno());
    String word = key.substring(key.lastIndexOf('.') + 1);
    assertTrue(refusal.getMessage().contains(word), refusal::getMessage);
  }
}
