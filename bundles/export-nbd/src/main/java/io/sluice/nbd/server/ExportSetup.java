package io.sluice.nbd.server;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.export.ExportRequest;
import io.sluice.export.RateLimit;
import java.util.HashMap;
import java.util.Map;

/**
 * An export as it is kept for a restart and handed over to a successor.
 *
 * @param request what was asked for, with a name; the device and name of one that is served without
 *     asking are the same
 * @param automatic whether it is served without asking, and only its terms are kept
 */
record ExportSetup(ExportRequest request, boolean automatic) {
  private static final String NAME = "name";
  private static final String DEVICE = "device";
  private static final String READ_ONLY = "read-only";
  private static final String AUTOMATIC = "automatic";
  private static final String DESCRIPTION = "description";
  private static final String BYTES_PER_SECOND = "bytes-per-second";
  private static final String OPERATIONS_PER_SECOND = "operations-per-second";
  private static final String OPTION_PREFIX = "option.";

  /** What clients ask for. */
  String name() {
    return request.name();
  }

  /** What {@link #read} reads. */
  Map<String, String> write() {
    Map<String, String> properties = new HashMap<>();
    properties.put(NAME, request.name());
    properties.put(DEVICE, request.device());
    properties.put(READ_ONLY, Boolean.toString(request.readOnly()));
    properties.put(AUTOMATIC, Boolean.toString(automatic));
    properties.put(DESCRIPTION, request.description());
    properties.put(BYTES_PER_SECOND, Long.toString(request.limit().bytesPerSecond()));
    properties.put(OPERATIONS_PER_SECOND, Long.toString(request.limit().operationsPerSecond()));
    request.options().forEach((key, value) -> properties.put(OPTION_PREFIX + key, value));
    return properties;
  }

  /**
   * Reads what was written, here or by hand: values of any type, and only names are needed.
   *
   * @throws ErrnoException EINVAL for what is no such setup
   */
  static ExportSetup read(Map<String, ?> properties) throws ErrnoException {
    String name = text(properties, NAME, "");
    String device = text(properties, DEVICE, name);
    if (name.isEmpty()) {
      throw new ErrnoException(
          Errno.EINVAL, "configured export of device \"" + device + "\": it has no name");
    }
    try {
      RateLimit limit =
          new RateLimit(
              Long.parseLong(text(properties, BYTES_PER_SECOND, "0")),
              Long.parseLong(text(properties, OPERATIONS_PER_SECOND, "0")));
      Map<String, String> options = new HashMap<>();
      for (String key : properties.keySet()) {
        if (key.startsWith(OPTION_PREFIX)) {
          options.put(key.substring(OPTION_PREFIX.length()), text(properties, key, ""));
        }
      }
      ExportRequest request =
          new ExportRequest(
              device,
              name,
              Boolean.parseBoolean(text(properties, READ_ONLY, "false")),
              text(properties, DESCRIPTION, ""),
              limit,
              options);
      return new ExportSetup(request, Boolean.parseBoolean(text(properties, AUTOMATIC, "false")));
    } catch (IllegalArgumentException e) {
      throw new ErrnoException(
          Errno.EINVAL, "configured export \"" + name + "\": " + e.getMessage(), e);
    }
  }

  private static String text(Map<String, ?> properties, String key, String absent) {
    Object value = properties.get(key);
    return value == null ? absent : value.toString();
  }
}
