package io.sluice.shell.backup;

import com.fasterxml.jackson.jr.ob.JSON;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/**
 * What qemu-img says about a node.
 *
 * @param sizeBytes the size a guest would see
 * @param base the name of the file it lies on, or empty
 */
record ImageFacts(long sizeBytes, String base) {
  /**
   * Asks for them.
   *
   * @throws ErrnoException EIO if the node can't be opened
   */
  static ImageFacts of(QemuTools tools, Map<String, Object> node) throws ErrnoException {
    String text = tools.need(List.of("qemu-img", "info", "--output=json", Sources.name(node)));
    try {
      Map<String, Object> map = JSON.std.mapFrom(text);
      return new ImageFacts(
          ((Number) map.get("virtual-size")).longValue(),
          (String) map.getOrDefault("backing-filename", ""));
    } catch (IOException | ClassCastException | NullPointerException e) {
      throw new ErrnoException(Errno.EIO, "qemu-img info printed no facts: " + text, e);
    }
  }
}
