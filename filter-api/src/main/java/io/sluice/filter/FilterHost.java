package io.sluice.filter;

import io.sluice.block.BlockDevice;
import io.sluice.block.OriginDevice;
import io.sluice.block.StorageIdentity;
import java.util.Optional;
import org.osgi.annotation.versioning.ProviderType;

/** What a filter may know of the device it is attached to. */
@ProviderType
public interface FilterHost {
  /** The live device's name. */
  String deviceName();

  /** The path of the device's origin, as it was added. */
  String originPath();

  /** {@link OriginDevice#identity()} of the device's origin. */
  StorageIdentity originIdentity();

  /**
   * {@link OriginDevice#contentStamp()} of the device's origin; of use in {@link
   * FilterOperations#attach} and {@link Filter#detach}, when nothing writes.
   */
  default Optional<String> originStamp() {
    return Optional.empty();
  }

  /**
   * The chain below this filter, for the filter's own I/O: what is submitted here passes the
   * filters below and does not come back to this one. Stays valid while filters below come and go,
   * whose switch waits for bios in it. Not to be used inside {@link Filter#submit}, which is given
   * its {@code next}; nor after {@link Filter#detach} has returned (ESHUTDOWN).
   */
  BlockDevice lower();
}
