package io.sluice.diffstore.tmpfs.internal.osgi;

import io.sluice.block.ErrnoException;
import io.sluice.diffstore.DiffStoreProvider;
import io.sluice.diffstore.tmpfs.internal.MachineMemory;
import io.sluice.diffstore.tmpfs.internal.MemoryBudget;
import io.sluice.diffstore.tmpfs.internal.TmpfsDiffStoreProvider;
import org.osgi.annotation.bundle.Header;
import org.osgi.framework.BundleActivator;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.ServiceRegistration;

/** Offers {@link TmpfsDiffStoreProvider} as a service. */
@Header(name = Constants.BUNDLE_ACTIVATOR, value = "${@class}")
public final class Activator implements BundleActivator {
  /** How much memory all stores may reserve together; half of the machine's if it is not set. */
  static final String LIMIT_PROPERTY = "sluice.diffstore.tmpfs.limit";

  private ServiceRegistration<DiffStoreProvider> registration;

  @Override
  public void start(BundleContext context) throws ErrnoException {
    MemoryBudget budget =
        new MemoryBudget(
            limitBytes(context.getProperty(LIMIT_PROPERTY)), MachineMemory::availableBytes);
    registration =
        context.registerService(DiffStoreProvider.class, new TmpfsDiffStoreProvider(budget), null);
  }

  private static long limitBytes(String text) throws ErrnoException {
    return text == null
        ? MachineMemory.totalBytes() / 2
        : TmpfsDiffStoreProvider.sizeBytes(LIMIT_PROPERTY + "=" + text, text);
  }

  @Override
  public void stop(BundleContext context) {
    registration.unregister();
  }
}
