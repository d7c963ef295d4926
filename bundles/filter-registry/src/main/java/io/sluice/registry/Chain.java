package io.sluice.registry;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

/** A device's filters at one time, from high altitude to low, and the origin. Immutable. */
final class Chain {
  private final OriginLink origin;
  private final List<ChainLink> links;
  private final Link head;

  private Chain(OriginLink origin, List<AttachedFilter> filters) {
    this.origin = origin;
    List<ChainLink> fromLow = new ArrayList<>();
    Link next = origin.below(above(filters, filters.size()));
    for (int i = filters.size() - 1; i >= 0; i--) {
      AttachedFilter filter = filters.get(i);
      ChainLink link = filter.entry.links().link(filter, next, above(filters, i));
      fromLow.add(link);
      next = link;
    }
    Collections.reverse(fromLow);
    this.links = List.copyOf(fromLow);
    this.head = next;
  }

  private static String above(List<AttachedFilter> filters, int place) {
    return place == 0 ? "" : filters.get(place - 1).name();
  }

  static Chain of(OriginLink origin) {
    return new Chain(origin, List.of());
  }

  /** Where a bio goes in. */
  Link head() {
    return head;
  }

  /** From high altitude to low. */
  List<AttachedFilter> filters() {
    return links.stream().map(link -> link.filter).toList();
  }

  Optional<AttachedFilter> find(String filter) {
    return filters().stream().filter(attached -> attached.name().equals(filter)).findFirst();
  }

  /** What is below a filter of this altitude, whether one is there or not. */
  Link below(int altitude) {
    for (ChainLink link : links) {
      if (link.filter.altitude < altitude) {
        return link;
      }
    }
    return origin;
  }

  Chain with(AttachedFilter filter) {
    List<AttachedFilter> filters = new ArrayList<>(filters());
    int place = 0;
    while (place < filters.size() && filters.get(place).altitude > filter.altitude) {
      place++;
    }
    filters.add(place, filter);
    return new Chain(origin, filters);
  }

  Chain without(AttachedFilter filter) {
    List<AttachedFilter> filters = new ArrayList<>(filters());
    filters.remove(filter);
    return new Chain(origin, filters);
  }

  Chain empty() {
    return of(origin);
  }

  /**
   * Aims each filter's lower device at this chain. The links of filters below a change are new too,
   * but equal to the old ones, so that only the lower devices above it need to be drained before.
   */
  void aimLowerDevices() {
    for (ChainLink link : links) {
      link.filter.lower.aimAt(link.next);
    }
  }
}
