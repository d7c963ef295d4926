package io.sluice.registry;

import static java.lang.System.Logger.Level.INFO;
import static java.lang.System.Logger.Level.WARNING;

import io.sluice.block.ErrnoException;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The devices that were set up. At the start each is made again as soon as everything it needs is
 * there: a provider for its origin, and its filters; it is published only with all of them
 * attached, so that no write can pass before.
 */
public final class ConfiguredDevices {
  private static final System.Logger LOG = System.getLogger("io.sluice.registry");

  private final ChainRegistry registry;

  /** Set up but not there yet, by name; guarded by this. */
  private final Map<String, DeviceSetup> pending = new TreeMap<>();

  /** What was said last of each pending device, to say it once; guarded by this. */
  private final Map<String, String> said = new TreeMap<>();

  /** Null while there is none; guarded by this. */
  private SetupStore store;

  /** The configured devices of a registry, none before {@link #open}. */
  public ConfiguredDevices(ChainRegistry registry) {
    this.registry = registry;
  }

  /** Takes up the setups that are kept. */
  public void open(SetupStore found) {
    synchronized (this) {
      store = found;
      for (Map<String, Object> properties : read(found)) {
        try {
          DeviceSetup setup = DeviceProperties.read(properties);
          if (registry.setup(setup.name()).isEmpty()) {
            pending.put(setup.name(), setup);
          }
        } catch (ErrnoException e) {
          LOG.log(WARNING, e.getMessage());
        }
      }
    }
    restore(false);
  }

  private static List<Map<String, Object>> read(SetupStore store) {
    try {
      return store.read();
    } catch (IOException | IllegalStateException e) {
      LOG.log(WARNING, "the configured devices can't be read", e);
      return List.of();
    }
  }

  /** The store has gone: what is set up from now on is not kept. */
  public synchronized void close(SetupStore gone) {
    if (store == gone) {
      store = null;
    }
  }

  /**
   * Makes the devices that can be made by now; for when something has come.
   *
   * @param complete whether all that is installed has come: what is missing is news then
   */
  public void restore(boolean complete) {
    List<DeviceSetup> tried;
    synchronized (this) {
      if (store == null) {
        return;
      }
      tried = List.copyOf(pending.values());
    }
    for (DeviceSetup setup : tried) {
      List<String> missing = registry.missing(setup);
      if (!missing.isEmpty()) {
        if (complete) {
          say(setup, "waits for " + String.join(" and ", missing));
        }
        continue;
      }
      if (!claim(setup)) {
        continue;
      }
      try {
        registry.restore(setup);
        LOG.log(INFO, "device {0} is there again, as configured", setup.name());
      } catch (ErrnoException | RuntimeException e) {
        unclaim(setup);
        say(setup, "can't be had: " + e.getMessage());
      }
    }
  }

  /** Takes a device out of those that wait; false if another thread has, or a command. */
  private synchronized boolean claim(DeviceSetup setup) {
    return pending.remove(setup.name(), setup);
  }

  private synchronized void unclaim(DeviceSetup setup) {
    if (store != null) {
      pending.putIfAbsent(setup.name(), setup);
    }
  }

  private void say(DeviceSetup setup, String what) {
    synchronized (this) {
      if (what.equals(said.put(setup.name(), what))) {
        return;
      }
    }
    LOG.log(WARNING, "device " + setup.name() + " is configured, but " + what);
  }

  /**
   * A command has added a device, or changed its filters or their options. With the lock held from
   * the look to the note, the last note of several changes at once is of the latest look.
   */
  synchronized void keep(String device) {
    Optional<DeviceSetup> setup = registry.setup(device);
    if (setup.isEmpty()) {
      return;
    }
    pending.remove(device);
    if (store == null) {
      return;
    }
    try {
      store.write(device, DeviceProperties.write(setup.get()));
    } catch (IOException | IllegalStateException e) {
      LOG.log(WARNING, "device " + device + " is not kept: a restart loses it", e);
    }
  }

  /** A command has removed a device; says whether it was configured, there or not. */
  synchronized boolean forget(String device) {
    boolean waited = pending.remove(device) != null;
    if (store == null) {
      return waited;
    }
    try {
      return store.delete(device) || waited;
    } catch (IOException | IllegalStateException e) {
      LOG.log(WARNING, "device " + device + " is not forgotten: a restart brings it back", e);
      return waited;
    }
  }
}
