package io.sluice.registry;

import io.sluice.block.ErrnoException;
import io.sluice.filter.AttachRequest;
import io.sluice.filter.ChainEntry;
import io.sluice.filter.FilterInfo;
import io.sluice.filter.FilterOperations;
import io.sluice.filter.FilterRegistry;
import io.sluice.filter.Frozen;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;

/**
 * The registry as one bundle sees it: what is registered here is from that bundle, and what is
 * changed here is kept for a restart.
 */
public final class RegistryOfBundle implements FilterRegistry {
  private final ChainRegistry registry;
  private final Provider bundle;
  private final ConfiguredDevices configured;

  /** The registry for a bundle. */
  public RegistryOfBundle(ChainRegistry registry, Provider bundle, ConfiguredDevices configured) {
    this.registry = registry;
    this.bundle = bundle;
    this.configured = configured;
  }

  @Override
  public void register(FilterOperations operations) throws ErrnoException {
    registry.register(operations, bundle);
  }

  @Override
  public void unregister(FilterOperations operations) throws ErrnoException {
    registry.unregister(operations);
  }

  @Override
  public List<FilterInfo> filters() {
    return registry.filters();
  }

  @Override
  public void attach(AttachRequest request) throws ErrnoException {
    registry.attach(request);
    configured.keep(request.device());
  }

  @Override
  public void detach(String device, String filter) throws ErrnoException {
    registry.detach(device, filter);
    configured.keep(device);
  }

  @Override
  public Map<String, Object> ctl(
      String device, String filter, String command, List<String> arguments) throws ErrnoException {
    Map<String, Object> answer = registry.ctl(device, filter, command, arguments);
    configured.keep(device);
    return answer;
  }

  @Override
  public List<ChainEntry> chain(String device) throws ErrnoException {
    return registry.chain(device);
  }

  @Override
  public Frozen freeze(Collection<String> devices, Duration drainLimit) throws ErrnoException {
    return registry.freeze(devices, drainLimit);
  }
}
