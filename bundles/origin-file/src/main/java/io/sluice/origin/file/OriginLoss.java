package io.sluice.origin.file;

import io.sluice.block.ErrnoException;
import io.sluice.linux.ControlDescriptor;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Optional;

/**
 * Tells whether an open file has gone. The bytes of a deleted file are there until it is closed,
 * but nobody would find them afterwards; a device that is pulled out has size 0.
 */
final class OriginLoss {
  private OriginLoss() {}

  /**
   * @param block whether it is a block special file
   * @param largestBytes the most that it was long while open
   */
  static Optional<String> of(
      String path, boolean block, ControlDescriptor control, long largestBytes) {
    try {
      long sizeBytes = control.sizeBytes();
      if (block && sizeBytes == 0 && largestBytes > 0) {
        return Optional.of("the device of " + path + " was pulled out");
      }
      if (sizeBytes < largestBytes) {
        return Optional.of(
            path + " was cut short, from " + largestBytes + " to " + sizeBytes + " bytes");
      }
      if (!block && (int) Files.getAttribute(control.path(), "unix:nlink") == 0) {
        return Optional.of(path + " was deleted");
      }
      return Optional.empty();
    } catch (ErrnoException e) {
      return Optional.of(path + " does not answer: " + e.getMessage());
    } catch (IOException e) {
      // It was told to close meanwhile, or there is no /proc: no reason to give it up.
      return Optional.empty();
    }
  }
}
