package org.example.throttle;

import io.sluice.block.BioOp;
import io.sluice.block.ErrnoException;
import io.sluice.filter.Arguments;
import io.sluice.filter.CtlCommand;
import io.sluice.filter.Filter;
import io.sluice.filter.FilterHost;
import io.sluice.filter.FilterOperations;
import io.sluice.filter.Parameter;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The filter as users see it. */
public final class ThrottleOperations implements FilterOperations {
  static final CtlCommand SET =
      new CtlCommand("set", Limits.PARAMETERS, "changes limits; those left out stay; as show");
  private static final CtlCommand SHOW =
      new CtlCommand("show", List.of(), "the limits, and how many bios have waited for them");

  /** What a filter needs beyond its wait: to be woken late on a busy machine. */
  private static final Duration SLACK = Duration.ofSeconds(10);

  @Override
  public String name() {
    return "throttle";
  }

  /** Above the snapshots, so that copying old data is not held back, but who causes it is. */
  @Override
  public int altitude() {
    return 5000;
  }

  @Override
  public Set<BioOp> ops() {
    return Set.of(BioOp.READ, BioOp.WRITE, BioOp.FLUSH, BioOp.DISCARD, BioOp.WRITE_ZEROES);
  }

  /** To wait is what this filter is for, and no fault. */
  @Override
  public Duration callLimit() {
    return ThrottleFilter.WAIT_MAX.plus(SLACK);
  }

  @Override
  public List<Parameter> options() {
    return Limits.PARAMETERS;
  }

  @Override
  public List<CtlCommand> commands() {
    return List.of(SET, SHOW);
  }

  @Override
  public Filter attach(FilterHost host, Map<String, String> options) throws ErrnoException {
    Arguments given = Arguments.ofOptions("filter " + name(), Limits.PARAMETERS, options);
    return new ThrottleFilter(Limits.NONE.with(given), Time.SYSTEM);
  }
}
