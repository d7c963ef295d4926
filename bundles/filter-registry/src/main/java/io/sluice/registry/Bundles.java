package io.sluice.registry;

import io.sluice.block.OriginProvider;

/** The bundles behind what a live device stands on. */
public interface Bundles {
  /** There are none. */
  Bundles NONE =
      new Bundles() {
        @Override
        public Provider registry() {
          return Provider.NONE;
        }

        @Override
        public Provider of(OriginProvider origins) {
          return Provider.NONE;
        }
      };

  /** The registry's own. */
  Provider registry();

  /** The bundle that offers this provider of origins. */
  Provider of(OriginProvider origins);
}
