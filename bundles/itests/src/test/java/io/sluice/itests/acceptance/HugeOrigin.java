package io.sluice.itests.acceptance;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.OriginDevice;
import io.sluice.block.OriginOptions;
import io.sluice.block.OriginProvider;
import io.sluice.block.StorageIdentity;
import java.util.EnumSet;
import org.osgi.framework.BundleContext;
import org.osgi.framework.ServiceRegistration;

/** Origins of zeroes that are larger than any file: {@code huge://BYTES}. They forget writes. */
final class HugeOrigin implements OriginProvider {
  private static final String SCHEME = "huge://";

  static String path(long sizeBytes) {
    return SCHEME + sizeBytes;
  }

  ServiceRegistration<OriginProvider> register(BundleContext context) {
    return context.registerService(OriginProvider.class, this, null);
  }

  @Override
  public boolean accepts(String path) {
    return path.startsWith(SCHEME);
  }

  @Override
  public OriginDevice open(String path, OriginOptions options) {
    return new Zeroes(path, Long.parseLong(path.substring(SCHEME.length())));
  }

  private record Zeroes(String path, long sizeBytes) implements OriginDevice {
    @Override
    public DeviceGeometry geometry() {
      return new DeviceGeometry(
          sizeBytes,
          DeviceGeometry.SECTOR_SIZE_BYTES,
          4096,
          false,
          false,
          EnumSet.allOf(BioOp.class));
    }

    @Override
    public StorageIdentity identity() {
      return new StorageIdentity(false, -1, sizeBytes);
    }

    @Override
    public void submit(Bio bio) {
      if (bio.op() == BioOp.READ) {
        while (bio.data().hasRemaining()) {
          bio.data().put((byte) 0);
        }
      } else if (bio.op() == BioOp.WRITE) {
        bio.data().position(bio.data().limit());
      }
    }

    @Override
    public void close() {}
  }
}
