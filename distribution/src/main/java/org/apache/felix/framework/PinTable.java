package org.apache.felix.framework;

import io.sluice.pin.PinException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleException;
import org.osgi.framework.Constants;

/**
 * Which bundles are in use and by whom, and which are being taken down. Both kinds exclude each
 * other, and each is entered in one step, so there is no moment between a check and what it allows.
 * One lock, a leaf: nothing is called while it is held.
 */
final class PinTable {
  /** The most users that a refusal names; the others are counted. */
  private static final int USERS_NAMED_MAX = 8;

  private enum Phase {
    /** Bundles are pinned, and pinned bundles are kept. */
    OPEN,
    /** The framework is about to stop: no new pins; those there are still hold. */
    CLOSING,
    /** The framework stops its bundles, or has not been started: nothing is refused. */
    CLOSED
  }

  /** One use of a bundle. Its ids grow once, from the bundle itself to all that it needs. */
  static final class Use {
    private final Bundle bundle;
    private final String user;
    private final Set<Long> ids = new HashSet<>();

    private Use(Bundle bundle, String user) {
      this.bundle = bundle;
      this.user = user;
    }
  }

  /** Bundles that one thread takes down; closed when it is through with them. */
  final class Departure implements AutoCloseable {
    private final Thread thread = Thread.currentThread();
    private final Set<Long> ids = new HashSet<>();

    private Departure() {}

    /**
     * Lets bundles be taken down, all of them or none.
     *
     * @param operation what is refused, for the message
     * @throws BundleException if any of them is in use, with the users
     */
    void add(String operation, Collection<Bundle> bundles) throws BundleException {
      synchronized (PinTable.this) {
        Map<Bundle, Set<String>> inUse = usersOf(bundles);
        if (!inUse.isEmpty()) {
          throw new BundleException(refusal(operation, inUse), BundleException.STATECHANGE_ERROR);
        }
        bundles.forEach(bundle -> ids.add(bundle.getBundleId()));
      }
    }

    @Override
    public void close() {
      synchronized (PinTable.this) {
        departures.remove(this);
      }
    }
  }

  /** In the order they were pinned. Guarded by this. */
  private final Set<Use> uses = new LinkedHashSet<>();

  /** Guarded by this. */
  private final List<Departure> departures = new ArrayList<>();

  /** Guarded by this. */
  private Phase phase = Phase.CLOSED;

  /** The framework is being started: nothing is pinned, and pins can be taken. */
  synchronized void open() {
    uses.clear();
    phase = Phase.OPEN;
  }

  /** No pin can be taken any more; those there are go on to hold. */
  synchronized void refuseNewPins() {
    if (phase == Phase.OPEN) {
      phase = Phase.CLOSING;
    }
  }

  /** Nothing is refused any more. */
  synchronized void standAside() {
    phase = Phase.CLOSED;
  }

  /** Begins to take bundles down in this thread. */
  synchronized Departure depart() {
    Departure departure = new Departure();
    departures.add(departure);
    return departure;
  }

  /**
   * A bundle is about to be started in this thread. If it is one that this thread took down, all of
   * those are down by now, and what comes back may be used again.
   */
  synchronized void returning(Bundle bundle) {
    for (Departure departure : departures) {
      if (departure.thread == Thread.currentThread()
          && departure.ids.contains(bundle.getBundleId())) {
        departure.ids.clear();
      }
    }
  }

  /**
   * Pins bundles.
   *
   * @param bundle the one that is used
   * @param needed what must not be taken down either
   * @param user for messages
   * @throws PinException if one of them is being taken down, or all shuts down
   */
  synchronized Use pin(Bundle bundle, String user, Collection<Bundle> needed) throws PinException {
    if (phase != Phase.OPEN) {
      throw refused(bundle, user, "the framework is shutting down");
    }
    Use use = new Use(bundle, user);
    extend(use, needed);
    uses.add(use);
    return use;
  }

  /**
   * Adds bundles to a use, all of them or none.
   *
   * @throws PinException if one of them is being taken down; the use stays as it was
   */
  synchronized void extend(Use use, Collection<Bundle> needed) throws PinException {
    for (Bundle bundle : needed) {
      if (departures.stream().anyMatch(going -> going.ids.contains(bundle.getBundleId()))) {
        String what = bundle.equals(use.bundle) ? "it" : name(bundle) + ", which it needs,";
        throw refused(use.bundle, use.user, what + " is being taken down; try again");
      }
    }
    needed.stream()
        .map(Bundle::getBundleId)
        // The framework itself is not kept: its stop is never refused.
        .filter(id -> id != Constants.SYSTEM_BUNDLE_ID)
        .forEach(use.ids::add);
  }

  /** Ends a use. Idempotent. */
  synchronized void release(Use use) {
    uses.remove(use);
  }

  static PinException refused(Bundle bundle, String user, String why) {
    return new PinException(
        "pin refused: " + name(bundle) + " can't be used by " + user + ": " + why);
  }

  /** Which of the bundles are in use, and by whom. Called with the lock held. */
  private Map<Bundle, Set<String>> usersOf(Collection<Bundle> bundles) {
    Map<Bundle, Set<String>> users = new LinkedHashMap<>();
    if (phase == Phase.CLOSED) {
      return users;
    }
    for (Use use : uses) {
      // Of all that is kept for one user, the bundle that is used says most.
      Bundle shown =
          bundles.contains(use.bundle)
              ? use.bundle
              : bundles.stream()
                  .filter(bundle -> use.ids.contains(bundle.getBundleId()))
                  .findFirst()
                  .orElse(null);
      if (shown != null) {
        users.computeIfAbsent(shown, key -> new LinkedHashSet<>()).add(use.user);
      }
    }
    return users;
  }

  private static String refusal(String operation, Map<Bundle, Set<String>> inUse) {
    return inUse.entrySet().stream()
        .map(entry -> name(entry.getKey()) + " is in use by " + list(entry.getValue()))
        .collect(
            Collectors.joining(
                "; ", operation + " refused: ", "; detach, destroy or remove that first"));
  }

  private static String list(Set<String> users) {
    String named = users.stream().limit(USERS_NAMED_MAX).collect(Collectors.joining(", "));
    int more = users.size() - USERS_NAMED_MAX;
    return more > 0 ? named + " and " + more + " more" : named;
  }

  private static String name(Bundle bundle) {
    return "bundle " + bundle.getSymbolicName() + " [" + bundle.getBundleId() + "]";
  }
}
