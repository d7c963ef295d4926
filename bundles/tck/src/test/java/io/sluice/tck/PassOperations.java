package io.sluice.tck;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.ErrnoException;
import io.sluice.filter.Arguments;
import io.sluice.filter.CtlCommand;
import io.sluice.filter.Filter;
import io.sluice.filter.FilterHost;
import io.sluice.filter.FilterOperations;
import io.sluice.filter.Parameter;
import io.sluice.filter.ParameterType;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;

/** A filter that keeps every rule: passes all, takes an option, answers a command. */
class PassOperations implements FilterOperations {
  static final Parameter LIMIT =
      new Parameter("limit", ParameterType.COUNT, "10", "how many, from 1");

  @Override
  public String name() {
    return "pass";
  }

  @Override
  public Set<BioOp> ops() {
    return EnumSet.allOf(BioOp.class);
  }

  @Override
  public List<Parameter> options() {
    return List.of(LIMIT);
  }

  @Override
  public List<CtlCommand> commands() {
    return List.of(new CtlCommand("stats", List.of(LIMIT), "counts bios"));
  }

  @Override
  public Filter attach(FilterHost host, Map<String, String> options) throws ErrnoException {
    Arguments.ofOptions("filter " + name(), options(), options);
    return new Pass(host);
  }

  /** The instance. */
  static class Pass implements Filter {
    final FilterHost host;
    private final LongAdder count = new LongAdder();

    Pass(FilterHost host) {
      this.host = host;
    }

    @Override
    public void submit(Bio bio, BlockDevice next) throws ErrnoException {
      count.increment();
      next.submit(bio);
    }

    @Override
    public Map<String, Object> ctl(String command, List<String> arguments) throws ErrnoException {
      if (!command.equals("stats")) {
        return Filter.super.ctl(command, arguments);
      }
      CtlCommand declared = new CtlCommand("stats", List.of(LIMIT), "counts bios");
      long limit = declared.arguments(arguments).count("limit");
      return Map.of("bios", count.sum(), "limit", limit, "more", List.of(true, "yes"));
    }
  }
}
