package io.sluice.fuse.mount;

import static java.lang.System.Logger.Level.WARNING;

import io.sluice.export.ExportRequest;
import io.sluice.export.RateLimit;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Which live devices are to be mounted over which files after a restart, and which of these wait
 * for their device. Guarded by its user.
 */
final class KeptFiles {
  private static final System.Logger LOG = System.getLogger(KeptFiles.class.getPackageName());
  private static final String FILE = "file";
  private static final String DEVICE = "device";
  private static final String READ_ONLY = "read-only";
  private static final String DESCRIPTION = "description";

  private final Map<String, ExportRequest> waiting = new TreeMap<>();
  private SetupStore store;

  /** Takes up a store; all that it has waits from now on. */
  void open(SetupStore found) {
    store = found;
    try {
      for (Map<String, Object> properties : found.read()) {
        String file = text(properties, FILE);
        if (file.isEmpty()) {
          LOG.log(WARNING, "a configured FUSE export has no file: " + properties);
        } else {
          waiting.put(file, request(file, properties));
        }
      }
    } catch (IOException | IllegalStateException e) {
      LOG.log(WARNING, "the configured FUSE exports can't be read", e);
    }
  }

  private static ExportRequest request(String file, Map<String, Object> properties) {
    return new ExportRequest(
        text(properties, DEVICE),
        file,
        Boolean.parseBoolean(text(properties, READ_ONLY)),
        text(properties, DESCRIPTION),
        RateLimit.NONE,
        Map.of());
  }

  private static String text(Map<String, Object> properties, String key) {
    Object value = properties.get(key);
    return value == null ? "" : value.toString();
  }

  /** The store has gone: what is set up from now on is not kept. */
  void close(SetupStore gone) {
    if (store == gone) {
      store = null;
    }
  }

  /** Keeps what was set up. */
  void keep(ExportRequest request) {
    if (store == null) {
      return;
    }
    try {
      store.write(
          request.name(),
          Map.of(
              FILE,
              request.name(),
              DEVICE,
              request.device(),
              READ_ONLY,
              Boolean.toString(request.readOnly()),
              DESCRIPTION,
              request.description()));
    } catch (IOException | IllegalStateException e) {
      LOG.log(WARNING, "export " + request.name() + " is not kept: a restart loses it", e);
    }
  }

  /** Forgets what was set up; says whether it waited. */
  boolean forget(String name) {
    if (store != null) {
      try {
        store.delete(name);
      } catch (IOException | IllegalStateException e) {
        LOG.log(WARNING, "export " + name + " is not forgotten: a restart brings it back", e);
      }
    }
    return waiting.remove(name) != null;
  }

  /** The device of an export has gone, and may come again. */
  void await(ExportRequest request) {
    waiting.put(request.name(), request);
  }

  /** What waits for its device. */
  List<ExportRequest> waiting() {
    return List.copyOf(waiting.values());
  }

  /** Takes out what waits for a device. */
  List<ExportRequest> takeOut(String device) {
    List<ExportRequest> ready = new ArrayList<>(waiting.values());
    ready.removeIf(request -> !request.device().equals(device));
    waiting.values().removeAll(ready);
    return ready;
  }
}
