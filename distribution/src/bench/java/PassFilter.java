import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.ErrnoException;
import io.sluice.filter.Filter;
import io.sluice.filter.FilterHost;
import io.sluice.filter.FilterOperations;
import io.sluice.filter.FilterRegistry;
import java.util.Map;
import java.util.Set;
import org.osgi.framework.BundleActivator;
import org.osgi.framework.BundleContext;

/** The least a filter can do, for the benchmark of a chain: passes each bio. */
public final class PassFilter implements BundleActivator, FilterOperations {
  private FilterRegistry registry;

  @Override
  public void start(BundleContext context) throws ErrnoException {
    registry = context.getService(context.getServiceReference(FilterRegistry.class));
    registry.register(this);
  }

  @Override
  public void stop(BundleContext context) throws ErrnoException {
    registry.unregister(this);
  }

  @Override
  public String name() {
    return "pass";
  }

  @Override
  public Set<BioOp> ops() {
    return Set.of(BioOp.READ, BioOp.WRITE, BioOp.FLUSH, BioOp.DISCARD, BioOp.WRITE_ZEROES);
  }

  @Override
  public Filter attach(FilterHost host, Map<String, String> options) {
    return new Filter() {
      @Override
      public void submit(Bio bio, BlockDevice next) throws ErrnoException {
        next.submit(bio);
      }
    };
  }
}
