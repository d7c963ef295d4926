package io.sluice.registry.osgi.probe;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.CtlCommand;
import io.sluice.filter.Filter;
import io.sluice.filter.FilterHost;
import io.sluice.filter.FilterOperations;
import io.sluice.filter.FilterRegistry;
import io.sluice.filter.Parameter;
import io.sluice.filter.ParameterType;
import io.sluice.swap.HandOver;
import io.sluice.swap.Swappable;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CountDownLatch;
import org.osgi.framework.BundleActivator;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Version;

/**
 * A bundle with one filter, whose manifest says how it behaves. It shares nothing with the test but
 * objects of the platform, which it finds in the system's properties.
 */
public final class ProbeActivator implements BundleActivator {
  /** A queue of strings, where each call is written down. */
  public static final String CALLS = "sluice.test.probe.calls";

  /** A latch, which a probe that hangs waits for. */
  public static final String RELEASE = "sluice.test.probe.release";

  /** Manifest header: {@code throw}, {@code hang} or {@code nothing}; else it registers. */
  public static final String START = "Probe-Start";

  /** Manifest header: {@code refuse}, {@code hang}, {@code stay} (no detach); else all is well. */
  public static final String FILTER = "Probe-Filter";

  /** Manifest header: a text, which the bundle hands to its successor behind what it was handed. */
  public static final String STATE = "Probe-State";

  /** The filter's name. */
  public static final String NAME = "probe";

  private Version version;
  private String behaviour;

  @Override
  public void start(BundleContext context) throws Exception {
    version = context.getBundle().getVersion();
    behaviour = String.valueOf(context.getBundle().getHeaders("").get(FILTER));
    FilterRegistry registry = context.getService(context.getServiceReference(FilterRegistry.class));
    String start = String.valueOf(context.getBundle().getHeaders("").get(START));
    if (!start.equals("nothing")) {
      registry.register(new Operations());
    }
    call("start");
    String state = context.getBundle().getHeaders("").get(STATE);
    if (state != null) {
      context.registerService(Swappable.class, new State(state), null);
    }
    switch (start) {
      case "throw" -> throw new IllegalStateException("the probe does not want to start");
      case "hang" -> hang();
      default -> {
        // It is up.
      }
    }
  }

  @Override
  public void stop(BundleContext context) {
    call("stop");
  }

  @SuppressWarnings("unchecked") // The test has put it there.
  private void call(String what) {
    ((Queue<String>) System.getProperties().get(CALLS)).add(version + " " + what);
  }

  private static void hang() throws InterruptedException {
    ((CountDownLatch) System.getProperties().get(RELEASE)).await();
  }

  /** What is handed over: one text. */
  private final class State implements Swappable {
    private final String own;
    private String all;

    State(String own) {
      this.own = own;
      this.all = own;
    }

    @Override
    public HandOver handOver(Duration limit) {
      call("hand over " + all);
      return new HandOver("probe/1", Map.of("all", all), List.of(), List.of());
    }

    @Override
    public void takeOver(HandOver handOver) throws ErrnoException {
      if (own.equals("refuse")) {
        throw new ErrnoException(Errno.ENOTSUP, "the probe does not know " + handOver.format());
      }
      all = handOver.properties().get("all") + " " + own;
      call("take over " + all);
    }
  }

  private final class Operations implements FilterOperations {
    @Override
    public String name() {
      return NAME;
    }

    @Override
    public List<Parameter> options() {
      return List.of(new Parameter("rate", ParameterType.COUNT, "1", "any number"));
    }

    @Override
    public List<CtlCommand> commands() {
      return List.of(new CtlCommand("version", List.of(), "says the bundle's version"));
    }

    @Override
    public Filter attach(FilterHost host, Map<String, String> options) throws ErrnoException {
      call("attach " + host.deviceName() + " " + options);
      if (behaviour.equals("refuse")) {
        throw new ErrnoException(Errno.ENODEV, "the probe refuses " + host.deviceName());
      }
      if (behaviour.equals("hang")) {
        try {
          hang();
        } catch (InterruptedException e) {
          throw new IllegalStateException(e);
        }
      }
      return new Probe(host.deviceName());
    }
  }

  private final class Probe implements Filter {
    private final String device;

    Probe(String device) {
      this.device = device;
    }

    @Override
    public void submit(Bio bio, BlockDevice next) throws ErrnoException {
      next.submit(bio);
    }

    @Override
    public Map<String, String> options(Map<String, String> attached) {
      Map<String, String> changed = new HashMap<>(attached);
      changed.computeIfPresent("rate", (key, rate) -> rate + "0");
      return changed;
    }

    @Override
    public Map<String, Object> ctl(String command, List<String> arguments) {
      return Map.of("version", version.toString());
    }

    @Override
    public void checkDetach() throws ErrnoException {
      if (behaviour.equals("stay")) {
        throw new ErrnoException(Errno.EBUSY, "the probe stays on " + device);
      }
    }

    @Override
    public void detach() {
      call("detach " + device);
    }
  }
}
