package io.sluice.osgi;

import java.util.function.Consumer;
import java.util.function.Function;
import org.osgi.framework.BundleContext;
import org.osgi.framework.ServiceReference;
import org.osgi.util.tracker.ServiceTracker;

/**
 * Hands out a store in ConfigurationAdmin while that is there.
 *
 * @param <S> the store
 */
public class ConfigurationSource<S> extends ServiceTracker<Object, S> {
  private static final String SERVICE = "org.osgi.service.cm.ConfigurationAdmin";

  private final Function<Object, S> store;
  private final Consumer<S> came;
  private final Consumer<S> went;

  /**
   * @param store makes it, of ConfigurationAdmin; an object here, as the class may not be there
   * @param came takes the store
   * @param went gives the store back
   */
  public ConfigurationSource(
      BundleContext context, Function<Object, S> store, Consumer<S> came, Consumer<S> went) {
    super(context, SERVICE, null);
    this.store = store;
    this.came = came;
    this.went = went;
  }

  @Override
  public S addingService(ServiceReference<Object> reference) {
    S made = store.apply(context.getService(reference));
    came.accept(made);
    return made;
  }

  @Override
  public void removedService(ServiceReference<Object> reference, S made) {
    went.accept(made);
    context.ungetService(reference);
  }
}
