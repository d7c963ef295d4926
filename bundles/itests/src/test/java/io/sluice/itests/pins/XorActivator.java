package io.sluice.itests.pins;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.CtlCommand;
import io.sluice.filter.Filter;
import io.sluice.filter.FilterHost;
import io.sluice.filter.FilterOperations;
import io.sluice.filter.FilterRegistry;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import org.osgi.framework.BundleActivator;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleException;
import org.osgi.framework.FrameworkUtil;

/**
 * A filter from outside: what it writes to the origin is inverted, so that it can be told from the
 * origin whether it was there. Packed into bundles by {@link XorBundle}; one class is the whole
 * bundle.
 */
public final class XorActivator implements BundleActivator, FilterOperations, Filter {
  /** The filter's name. */
  public static final String NAME = "xor";

  /** The command that has the filter stop its own bundle; its answer holds the failure. */
  static final String LEAVE = "leave";

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
    return NAME;
  }

  @Override
  public List<CtlCommand> commands() {
    return List.of(new CtlCommand(LEAVE, List.of(), "stop the filter's bundle"));
  }

  @Override
  public Filter attach(FilterHost host, Map<String, String> options) {
    return this;
  }

  @Override
  public void submit(Bio bio, BlockDevice next) throws ErrnoException {
    if (bio.op() == BioOp.FLUSH) {
      next.submit(bio);
      return;
    }
    ByteBuffer data = bio.data();
    int from = data.position();
    if (bio.op() == BioOp.READ) {
      next.submit(bio);
      for (int i = from; i < data.limit(); i++) {
        data.put(i, (byte) ~data.get(i));
      }
    } else {
      ByteBuffer inverted = ByteBuffer.allocateDirect(data.remaining());
      for (int i = from; i < data.limit(); i++) {
        inverted.put(i - from, (byte) ~data.get(i));
      }
      next.submit(new Bio().write(bio.offsetBytes(), inverted, bio.flags()));
      data.position(data.limit());
    }
  }

  @Override
  public Map<String, Object> ctl(String command, List<String> arguments) throws ErrnoException {
    try {
      FrameworkUtil.getBundle(XorActivator.class).stop();
      return Map.of("refused", "");
    } catch (BundleException e) {
      return Map.of("refused", String.valueOf(e.getMessage()));
    } catch (RuntimeException e) {
      throw new ErrnoException(Errno.EIO, "stop of the filter's own bundle", e);
    }
  }
}
