package io.sluice.registry;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.OriginOptions;
import io.sluice.filter.AttachRequest;
import io.sluice.filter.OnError;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeMap;

/**
 * A device's setup as the properties of a configuration, which people may write too:
 *
 * <pre>
 * name = disk                        path = /srv/disk.img
 * read-only = false                  direct = false               block-size = 0
 * filters = throttle, blksnap        (from high altitude to low)
 * filter.throttle.altitude = 700     filter.throttle.on-error = bypass
 * filter.throttle.call-limit = PT5S  filter.throttle.option.iops = 100
 * </pre>
 */
final class DeviceProperties {
  private static final String NAME = "name";
  private static final String PATH = "path";
  private static final String READ_ONLY = "read-only";
  private static final String DIRECT = "direct";
  private static final String BLOCK_SIZE = "block-size";
  private static final String FILTERS = "filters";

  private DeviceProperties() {}

  static Map<String, Object> write(DeviceSetup setup) {
    Map<String, Object> properties = new TreeMap<>();
    properties.put(NAME, setup.name());
    properties.put(PATH, setup.path());
    properties.put(READ_ONLY, setup.options().readOnly());
    properties.put(DIRECT, setup.options().direct());
    properties.put(BLOCK_SIZE, setup.options().blockSizeBytes());
    properties.put(
        FILTERS, setup.filters().stream().map(AttachRequest::filter).toArray(String[]::new));
    for (AttachRequest request : setup.filters()) {
      String prefix = prefix(request.filter());
      request.altitude().ifPresent(altitude -> properties.put(prefix + "altitude", altitude));
      properties.put(prefix + "on-error", request.onError().name().toLowerCase(Locale.ROOT));
      request.callLimit().ifPresent(limit -> properties.put(prefix + "call-limit", "" + limit));
      request.options().forEach((key, value) -> properties.put(prefix + "option." + key, value));
    }
    return properties;
  }

  private static String prefix(String filter) {
    return "filter." + filter + ".";
  }

  /**
   * Reads what {@link #write} or a person wrote.
   *
   * @throws ErrnoException EINVAL for a value that is missing or can't be read
   */
  static DeviceSetup read(Map<String, Object> properties) throws ErrnoException {
    String name = required(properties, NAME);
    OriginOptions options =
        new OriginOptions(
            Boolean.parseBoolean(text(properties, READ_ONLY, "false")),
            Boolean.parseBoolean(text(properties, DIRECT, "false")),
            number(properties, BLOCK_SIZE, "0"));
    List<AttachRequest> filters = new ArrayList<>();
    for (String filter : words(properties.get(FILTERS))) {
      filters.add(filter(properties, name, filter));
    }
    return new DeviceSetup(name, required(properties, PATH), options, filters);
  }

  private static AttachRequest filter(Map<String, Object> properties, String device, String filter)
      throws ErrnoException {
    String prefix = prefix(filter);
    Map<String, String> options = new TreeMap<>();
    for (String key : properties.keySet()) {
      if (key.startsWith(prefix + "option.")) {
        options.put(key.substring(prefix.length() + "option.".length()), "" + properties.get(key));
      }
    }
    OptionalInt altitude =
        properties.get(prefix + "altitude") == null
            ? OptionalInt.empty()
            : OptionalInt.of(number(properties, prefix + "altitude", ""));
    String onError = text(properties, prefix + "on-error", "fail").toUpperCase(Locale.ROOT);
    String limit = text(properties, prefix + "call-limit", "");
    try {
      return new AttachRequest(
          device,
          filter,
          altitude,
          OnError.valueOf(onError),
          limit.isEmpty() ? Optional.empty() : Optional.of(Duration.parse(limit)),
          options);
    } catch (IllegalArgumentException | java.time.format.DateTimeParseException e) {
      throw new ErrnoException(
          Errno.EINVAL,
          "configuration of device "
              + device
              + ": "
              + prefix
              + "on-error is fail or bypass, call-limit an ISO 8601 duration such as PT5S; not \""
              + onError
              + "\" and \""
              + limit
              + "\"",
          e);
    }
  }

  private static List<String> words(Object value) {
    if (value == null) {
      return List.of();
    }
    String[] words = value instanceof String[] array ? array : ("" + value).split(",", -1);
    return Arrays.stream(words).map(String::strip).filter(word -> !word.isEmpty()).toList();
  }

  private static String required(Map<String, Object> properties, String key) throws ErrnoException {
    String value = text(properties, key, "");
    if (value.isEmpty()) {
      throw new ErrnoException(
          Errno.EINVAL, "configuration of a device: " + key + " is missing in " + properties);
    }
    return value;
  }

  private static int number(Map<String, Object> properties, String key, String fallback)
      throws ErrnoException {
    String value = text(properties, key, fallback);
    try {
      return Integer.parseInt(value);
    } catch (NumberFormatException e) {
      throw new ErrnoException(
          Errno.EINVAL, "configuration of a device: " + key + "=" + value + " is no number", e);
    }
  }

  private static String text(Map<String, Object> properties, String key, String fallback) {
    Object value = properties.get(key);
    return value == null ? fallback : value.toString().strip();
  }
}
