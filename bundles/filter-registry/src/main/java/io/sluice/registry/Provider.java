package io.sluice.registry;

import io.sluice.block.ErrnoException;
import io.sluice.pin.BundlePins;

/** A bundle that provides filters or origins, as far as the registry needs to know it. */
public interface Provider {
  /** No bundle: what it provides can't go away under its users. */
  Provider NONE =
      new Provider() {
        @Override
        public long bundleId() {
          return -1;
        }

        @Override
        public String label() {
          return "";
        }

        @Override
        public BundlePins.Pin pin(String user) {
          return () -> {};
        }
      };

  /** The bundle's number, negative for none. */
  long bundleId();

  /** Name and version, for people: {@code "org.example.throttle 1.2.0"}; empty for none. */
  String label();

  /**
   * Keeps the bundle from being taken down.
   *
   * @param user who uses it, for people: {@code "filter throttle on device disk"}
   * @throws ErrnoException EAGAIN if it is not running, or is being taken down already
   */
  BundlePins.Pin pin(String user) throws ErrnoException;
}
