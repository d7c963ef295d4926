package io.sluice.nbd.codec;

import java.nio.ByteBuffer;
import java.util.HashSet;
import java.util.Set;

/**
 * The data of INFO and GO.
 *
 * @param name the export's name as the client wrote it
 * @param kinds the kinds of information asked for
 */
public record InfoRequest(String name, Set<Integer> kinds) {
  /**
   * Reads the data of one option, from position to limit.
   *
   * @throws MalformedOptionException if they are not such a request
   */
  public static InfoRequest decode(ByteBuffer data) throws MalformedOptionException {
    String name = OptionText.takeString(data, "export name");
    int count = OptionText.takeCount(data, 2);
    if (count > NbdLimits.INFO_REQUESTS_MAX || data.remaining() != 2 * count) {
      throw new MalformedOptionException(
          "it asks for " + count + " kinds of information in " + data.remaining() + " bytes");
    }
    Set<Integer> kinds = new HashSet<>();
    while (data.hasRemaining()) {
      kinds.add(Short.toUnsignedInt(data.getShort()));
    }
    return new InfoRequest(name, Set.copyOf(kinds));
  }
}
