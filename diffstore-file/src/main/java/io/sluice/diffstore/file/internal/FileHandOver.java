package io.sluice.diffstore.file.internal;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.StorageIdentity;
import io.sluice.linux.ControlDescriptor;
import io.sluice.swap.HandOver;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What a file store tells its successor, as format {@code file-store/1}: the number of its
 * descriptor, whose owner is the one channel; {@code name}, {@code capacityBytes}, {@code
 * reserves}; and {@code identity.N}, from 0, each as block, file system and inode.
 *
 * @param name for people, with the path
 * @param capacityBytes what can be written
 * @param reserves whether the file system has fallocate
 * @param identities what the store's writes may change
 */
record FileHandOver(
    String name, long capacityBytes, boolean reserves, List<StorageIdentity> identities) {
  static final String FORMAT = "file-store/1";

  private static final String NUMBER = "descriptor";
  private static final String NAME = "name";
  private static final String CAPACITY = "capacityBytes";
  private static final String RESERVES = "reserves";
  private static final String IDENTITY = "identity.";

  /** Gives the descriptor away with it: it is taken over, or closed with the hand-over. */
  HandOver with(ControlDescriptor control) {
    Map<String, String> properties = new HashMap<>();
    properties.put(NUMBER, Integer.toString(control.number()));
    properties.put(NAME, name);
    properties.put(CAPACITY, Long.toString(capacityBytes));
    properties.put(RESERVES, Boolean.toString(reserves));
    for (int i = 0; i < identities.size(); i++) {
      StorageIdentity identity = identities.get(i);
      properties.put(
          IDENTITY + i, identity.block() + " " + identity.fileSystem() + " " + identity.inode());
    }
    return new HandOver(FORMAT, properties, List.of(control), List.of());
  }

  /**
   * Reads what a predecessor told.
   *
   * @throws ErrnoException EINVAL if it is not as this format has it
   */
  static FileHandOver of(HandOver handOver) throws ErrnoException {
    Map<String, String> told = handOver.properties();
    List<StorageIdentity> identities = new ArrayList<>();
    try {
      for (int i = 0; told.containsKey(IDENTITY + i); i++) {
        String[] words = told.get(IDENTITY + i).split(" ", 3);
        identities.add(
            new StorageIdentity(
                Boolean.parseBoolean(words[0]),
                Long.parseLong(words[1]),
                Long.parseLong(words[2])));
      }
      if (told.containsKey(NAME) && handOver.channels().size() == 1) {
        return new FileHandOver(
            told.get(NAME),
            Long.parseLong(told.get(CAPACITY)),
            Boolean.parseBoolean(told.get(RESERVES)),
            List.copyOf(identities));
      }
    } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
      throw malformed(told, e);
    }
    throw malformed(told, null);
  }

  /**
   * Another descriptor of the file that is handed over.
   *
   * @throws ErrnoException EINVAL if it is not told; what duplicating it reports
   */
  ControlDescriptor descriptor(HandOver handOver) throws ErrnoException {
    try {
      int number = Integer.parseInt(handOver.properties().get(NUMBER));
      return ControlDescriptor.duplicate(number, name);
    } catch (NumberFormatException e) {
      throw malformed(handOver.properties(), e);
    }
  }

  private static ErrnoException malformed(Map<String, String> told, Exception cause) {
    return new ErrnoException(
        Errno.EINVAL, "store hand-over " + FORMAT + ": not as the format has it: " + told, cause);
  }
}
