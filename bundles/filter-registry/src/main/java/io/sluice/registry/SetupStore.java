package io.sluice.registry;

import java.io.IOException;
import java.util.List;
import java.util.Map;

/** Where the setups of devices are kept, as properties. */
public interface SetupStore {
  /** All setups. */
  List<Map<String, Object>> read() throws IOException;

  /** Keeps a setup, in place of an older one of the device. */
  void write(String device, Map<String, Object> properties) throws IOException;

  /** Forgets a setup; says whether it was there. */
  boolean delete(String device) throws IOException;
}
