package io.sluice.nbd.server;

import java.io.IOException;
import java.util.List;
import java.util.Map;

/** Where the setups of exports are kept, as properties. */
public interface SetupStore {
  /** All setups. */
  List<Map<String, Object>> read() throws IOException;

  /** Keeps a setup, in place of an older one of the export. */
  void write(String export, Map<String, String> properties) throws IOException;

  /** Forgets a setup; says whether it was there. */
  boolean delete(String export) throws IOException;

  /** What holds for all exports, as it was configured; null if nothing was. */
  Map<String, Object> readCommon() throws IOException;

  /** Keeps what holds for all exports. */
  void writeCommon(Map<String, String> options) throws IOException;
}
