package io.sluice.nbd.osgi;

import io.sluice.block.DeviceView;
import io.sluice.block.DeviceViews;
import java.util.Optional;
import org.osgi.framework.BundleContext;
import org.osgi.util.tracker.ServiceTracker;

/** Finds a view with whichever service has it. */
final class ViewServices extends ServiceTracker<DeviceViews, DeviceViews> implements DeviceViews {
  private static final System.Logger LOG = System.getLogger(ViewServices.class.getPackageName());

  ViewServices(BundleContext context) {
    super(context, DeviceViews.class, null);
  }

  @Override
  public Optional<DeviceView> find(String name) {
    for (DeviceViews service : getTracked().values()) {
      try {
        Optional<DeviceView> found = service.find(name);
        if (found.isPresent()) {
          return found;
        }
      } catch (RuntimeException e) {
        LOG.log(System.Logger.Level.WARNING, "fault in a service that finds views of devices", e);
      }
    }
    return Optional.empty();
  }
}
