package io.sluice.nbd.session;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.util.ArrayList;
import java.util.List;

/**
 * The contexts that a client has selected, with the ids that it knows them by. As a text it is a
 * line for each, the id and the name, which outlives this class and the export's maps.
 *
 * @param selected in the order of their ids
 */
record ContextSelection(List<Selected> selected) {
  /** Nothing selected. */
  static final ContextSelection NONE = new ContextSelection(List.of());

  /** One of them. */
  record Selected(int id, MetaContext context) {}

  /** Copies the list. */
  ContextSelection {
    selected = List.copyOf(selected);
  }

  /** Those of an export that the queries name, each once. An id is the place among all, from 1. */
  static ContextSelection of(Export export, List<String> queries) {
    List<Selected> found = new ArrayList<>();
    List<MetaContext> all = export.contexts();
    for (int i = 0; i < all.size(); i++) {
      if (queries.contains(all.get(i).name())) {
        found.add(new Selected(i + 1, all.get(i)));
      }
    }
    return new ContextSelection(found);
  }

  /**
   * What a text says, of an export that may be another now.
   *
   * @throws ErrnoException ENOENT if it lacks one of them
   */
  static ContextSelection parse(String text, Export export) throws ErrnoException {
    List<Selected> found = new ArrayList<>();
    for (String line : text.lines().toList()) {
      int blank = line.indexOf(' ');
      String name = line.substring(blank + 1);
      MetaContext context =
          export.contexts().stream()
              .filter(each -> each.name().equals(name))
              .findFirst()
              .orElseThrow(
                  () ->
                      new ErrnoException(
                          Errno.ENOENT,
                          "export "
                              + export.name()
                              + " has no context "
                              + name
                              + " any more, which was selected; select again"));
      found.add(new Selected(Integer.parseInt(line.substring(0, blank)), context));
    }
    return new ContextSelection(found);
  }

  /** What a text says, each as the block status of a device, whatever it was. */
  static ContextSelection gone(String text) {
    List<Selected> found = new ArrayList<>();
    for (String line : text.lines().toList()) {
      int id = Integer.parseInt(line.substring(0, line.indexOf(' ')));
      found.add(new Selected(id, MetaContext.ALLOCATION));
    }
    return new ContextSelection(found);
  }

  /** The text. */
  String text() {
    StringBuilder text = new StringBuilder();
    for (Selected each : selected) {
      text.append(each.id()).append(' ').append(each.context().name()).append('\n');
    }
    return text.toString();
  }

  boolean isEmpty() {
    return selected.isEmpty();
  }

  int size() {
    return selected.size();
  }

  /** A set of all of them: bit N for the one at place N. */
  int all() {
    return (1 << selected.size()) - 1;
  }

  /** The set of the one with this id; empty if there is none. */
  int ofId(int id) {
    for (int i = 0; i < selected.size(); i++) {
      if (selected.get(i).id() == id) {
        return 1 << i;
      }
    }
    return 0;
  }
}
