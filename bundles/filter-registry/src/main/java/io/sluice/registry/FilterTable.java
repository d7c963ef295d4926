package io.sluice.registry;

import io.sluice.block.BioOp;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.FilterInfo;
import io.sluice.filter.FilterOperations;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** The filters that can be attached, and the devices that use them. Thread-safe. */
final class FilterTable {
  /**
   * One registered filter.
   *
   * @param operations what was registered; stands for itself, not for what it equals
   * @param name its name at registration
   * @param altitude its default altitude at registration
   * @param ops the operations it understands, at registration
   */
  record Entry(FilterOperations operations, String name, int altitude, Set<BioOp> ops) {}

  /** By name; guarded by this. */
  private final Map<String, Entry> entries = new TreeMap<>();

  /** For each name the devices that use it, one element per use; guarded by this. */
  private final Map<String, List<String>> uses = new TreeMap<>();

  void register(FilterOperations operations) throws ErrnoException {
    String name = operations.name();
    checkName(name);
    Entry entry = new Entry(operations, name, operations.altitude(), Set.copyOf(operations.ops()));
    synchronized (this) {
      // No longer name gets this far, so equal in the first 32 bytes means equal.
      if (entries.putIfAbsent(name, entry) != null) {
        throw new ErrnoException(
            Errno.EBUSY,
            "filter register "
                + name
                + ": a filter of this name is registered; unregister it first");
      }
      uses.put(name, new ArrayList<>());
    }
  }

  private static void checkName(String name) throws ErrnoException {
    String wrong = null;
    if (name == null || name.isEmpty()) {
      wrong = "it is empty";
    } else {
      int sizeBytes = name.getBytes(StandardCharsets.UTF_8).length;
      if (sizeBytes > FilterOperations.NAME_MAX_BYTES) {
        wrong =
            "it has " + sizeBytes + " bytes, " + FilterOperations.NAME_MAX_BYTES + " are allowed";
      } else if (name.chars().anyMatch(FilterTable::isUnfitForName)) {
        wrong = "it has a blank, a slash or a control character";
      }
    }
    if (wrong != null) {
      throw new ErrnoException(Errno.EINVAL, "filter name \"" + OneLine.of(name) + "\": " + wrong);
    }
  }

  private static boolean isUnfitForName(int c) {
    return Character.isWhitespace(c)
        || Character.isSpaceChar(c)
        || Character.isISOControl(c)
        || c == '/';
  }

  synchronized void unregister(FilterOperations operations) throws ErrnoException {
    Iterator<Entry> all = entries.values().iterator();
    while (all.hasNext()) {
      Entry entry = all.next();
      if (entry.operations == operations) {
        List<String> devices = uses.get(entry.name);
        if (!devices.isEmpty()) {
          throw new ErrnoException(
              Errno.EBUSY,
              "filter unregister "
                  + entry.name
                  + ": attached to "
                  + String.join(", ", sorted(devices))
                  + ": detach it first");
        }
        all.remove();
        uses.remove(entry.name);
        return;
      }
    }
    throw new ErrnoException(
        Errno.ENOENT,
        "filter unregister "
            + OneLine.of(operations.name())
            + ": this filter is not registered; registered: "
            + names());
  }

  /**
   * Finds a filter and marks it as used, so that it can't be unregistered until {@link #release}.
   *
   * @throws ErrnoException ENOENT if it is not registered
   */
  synchronized Entry use(String name, String device) throws ErrnoException {
    Entry entry = entries.get(name);
    if (entry == null) {
      throw new ErrnoException(
          Errno.ENOENT,
          "filter attach "
              + OneLine.of(device)
              + " "
              + OneLine.of(name)
              + ": no such filter; registered: "
              + names());
    }
    uses.get(name).add(device);
    return entry;
  }

  synchronized void release(Entry entry, String device) {
    uses.get(entry.name).remove(device);
  }

  synchronized List<FilterInfo> list() {
    List<FilterInfo> infos = new ArrayList<>();
    for (Entry entry : entries.values()) {
      infos.add(
          new FilterInfo(
              entry.name,
              entry.altitude,
              entry.ops,
              sorted(uses.get(entry.name)),
              entry.operations.options(),
              entry.operations.commands(),
              ""));
    }
    return List.copyOf(infos);
  }

  private String names() {
    return entries.isEmpty() ? "none" : String.join(", ", entries.keySet());
  }

  private static List<String> sorted(List<String> devices) {
    return devices.stream().distinct().sorted().toList();
  }
}
