package io.sluice.fuse.mount;

import java.io.IOException;
import java.util.List;
import java.util.Map;

/** Where it is kept which devices are mounted over which files, as properties. */
public interface SetupStore {
  /** All setups. */
  List<Map<String, Object>> read() throws IOException;

  /** Keeps a setup, in place of an older one of the file. */
  void write(String file, Map<String, String> properties) throws IOException;

  /** Forgets a setup; says whether it was there. */
  boolean delete(String file) throws IOException;
}
