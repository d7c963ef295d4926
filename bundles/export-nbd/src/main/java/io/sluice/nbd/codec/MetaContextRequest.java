package io.sluice.nbd.codec;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * The data of LIST_META_CONTEXT and SET_META_CONTEXT.
 *
 * @param name the export's name as the client wrote it
 * @param queries what contexts are asked for
 */
public record MetaContextRequest(String name, List<String> queries) {
  /**
   * Reads the data of one option, from position to limit.
   *
   * @throws MalformedOptionException if they are not such a request
   */
  public static MetaContextRequest decode(ByteBuffer data) throws MalformedOptionException {
    String name = OptionText.takeString(data, "export name");
    int count = OptionText.takeCount(data, 4);
    if (count < 0 || count > NbdLimits.META_QUERIES_MAX) {
      throw new MalformedOptionException(
          Integer.toUnsignedString(count)
              + " context queries, limit "
              + NbdLimits.META_QUERIES_MAX);
    }
    List<String> queries = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      queries.add(OptionText.takeString(data, "context query"));
    }
    if (data.hasRemaining()) {
      throw new MalformedOptionException(data.remaining() + " bytes follow the last query");
    }
    return new MetaContextRequest(name, List.copyOf(queries));
  }
}
