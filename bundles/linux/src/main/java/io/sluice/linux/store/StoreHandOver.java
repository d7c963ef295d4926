package io.sluice.linux.store;

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
 * What a store tells its successor: the number of its {@code descriptor}, whose owner is the one
 * channel; {@code name}, {@code capacityBytes}; {@code identity.N}, from 0, each as block, file
 * system and inode; and what its kind has to say besides.
 *
 * @param format the kind's name for it, with a version: {@code "file-store/1"}
 * @param name for people, with the path
 * @param capacityBytes what can be written
 * @param identities what the store's writes may change
 * @param more what the kind adds, under names of its own; of what was received, all
 */
public record StoreHandOver(
    String format,
    String name,
    long capacityBytes,
    List<StorageIdentity> identities,
    Map<String, String> more) {
  private static final String NUMBER = "descriptor";
  private static final String NAME = "name";
  private static final String CAPACITY = "capacityBytes";
  private static final String IDENTITY = "identity.";

  /** Copies the collections. */
  public StoreHandOver {
    identities = List.copyOf(identities);
    more = Map.copyOf(more);
  }

  /** Gives the descriptor away with it: it is taken over, or closed with the hand-over. */
  HandOver with(ControlDescriptor control) {
    Map<String, String> properties = new HashMap<>(more);
    properties.put(NUMBER, Integer.toString(control.number()));
    properties.put(NAME, name);
    properties.put(CAPACITY, Long.toString(capacityBytes));
    for (int i = 0; i < identities.size(); i++) {
      StorageIdentity identity = identities.get(i);
      properties.put(
          IDENTITY + i, identity.block() + " " + identity.fileSystem() + " " + identity.inode());
    }
    return new HandOver(format, properties, List.of(control), List.of());
  }

  /**
   * Reads what a predecessor told.
   *
   * @param format the one that is understood
   * @throws ErrnoException ENOTSUP for another format; EINVAL if it is not as this one has it
   */
  public static StoreHandOver of(String format, HandOver handOver) throws ErrnoException {
    if (!handOver.format().equals(format)) {
      throw new ErrnoException(
          Errno.ENOTSUP,
          "store hand-over \"" + handOver.format() + "\": known here is " + format + " alone");
    }
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
        long capacityBytes = Long.parseLong(told.get(CAPACITY));
        return new StoreHandOver(format, told.get(NAME), capacityBytes, identities, told);
      }
    } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
      throw malformed(handOver, e);
    }
    throw malformed(handOver, null);
  }

  /**
   * A number that the kind added.
   *
   * @throws ErrnoException EINVAL if it is not there
   */
  public long number(String key) throws ErrnoException {
    try {
      return Long.parseLong(more.get(key));
    } catch (NumberFormatException e) {
      throw malformed(format, more, e);
    }
  }

  /**
   * Another descriptor of the file that is handed over.
   *
   * @throws ErrnoException EINVAL if it is not told; what duplicating it reports
   */
  ControlDescriptor descriptor() throws ErrnoException {
    return ControlDescriptor.duplicate((int) number(NUMBER), name);
  }

  private static ErrnoException malformed(HandOver handOver, Exception cause) {
    return malformed(handOver.format(), handOver.properties(), cause);
  }

  private static ErrnoException malformed(
      String format, Map<String, String> told, Exception cause) {
    return new ErrnoException(
        Errno.EINVAL, "store hand-over " + format + ": not as the format has it: " + told, cause);
  }
}
