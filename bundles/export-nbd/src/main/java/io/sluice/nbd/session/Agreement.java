package io.sluice.nbd.session;

import io.sluice.block.DeviceGeometry;
import io.sluice.block.ErrnoException;
import io.sluice.nbd.codec.ReplyStyle;
import java.util.Map;

/**
 * What a handshake led to.
 *
 * @param export what is served
 * @param style what requests and replies look like
 * @param contexts what BLOCK_STATUS tells
 */
record Agreement(Export export, ReplyStyle style, ContextSelection contexts) {
  private static final String EXPORT = "agreed.export";
  private static final String STYLE = "agreed.reply-style";
  private static final String CONTEXTS = "agreed.contexts";
  private static final String SIZE_BYTES = "agreed.size-bytes";
  private static final String FLAGS = "agreed.transmission-flags";

  /** Whether the handshake was over in a session at rest. */
  static boolean isIn(Map<String, String> properties) {
    return properties.containsKey(EXPORT);
  }

  /** Puts down what {@link #of} finds again. */
  void save(Map<String, String> properties) {
    DeviceGeometry geometry = export.device().geometry();
    properties.put(EXPORT, export.name());
    properties.put(STYLE, style.name());
    properties.put(CONTEXTS, contexts.text());
    properties.put(SIZE_BYTES, Long.toString(geometry.sizeBytes()));
    properties.put(FLAGS, Integer.toString(export.transmissionFlags(geometry, style.chunks())));
  }

  /**
   * What was agreed before the session came to rest.
   *
   * @return null if the export is gone, or no longer what the client was told
   */
  static Agreement of(Map<String, String> properties, ExportCatalog catalog) {
    boolean chunks = ReplyStyle.valueOf(properties.get(STYLE)).chunks();
    try {
      Export found = catalog.findAgain(properties.get(EXPORT));
      DeviceGeometry geometry = found.device().geometry();
      boolean same =
          Long.toString(geometry.sizeBytes()).equals(properties.get(SIZE_BYTES))
              && Integer.toString(found.transmissionFlags(geometry, chunks))
                  .equals(properties.get(FLAGS));
      return same
          ? with(found, properties, ContextSelection.parse(properties.get(CONTEXTS), found))
          : null;
    } catch (ErrnoException e) {
      return null;
    }
  }

  /** The same agreement over an export that is gone. */
  static Agreement gone(Map<String, String> properties) {
    String name = properties.get(EXPORT);
    long sizeBytes = Long.parseLong(properties.get(SIZE_BYTES));
    return with(
        new Export(name, "", new GoneDevice(name, sizeBytes), false),
        properties,
        ContextSelection.gone(properties.get(CONTEXTS)));
  }

  private static Agreement with(
      Export export, Map<String, String> properties, ContextSelection contexts) {
    return new Agreement(export, ReplyStyle.valueOf(properties.get(STYLE)), contexts);
  }
}
