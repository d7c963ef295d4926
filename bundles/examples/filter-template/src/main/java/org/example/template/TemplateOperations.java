package org.example.template;

import io.sluice.block.BioOp;
import io.sluice.block.ErrnoException;
import io.sluice.filter.Arguments;
import io.sluice.filter.CtlCommand;
import io.sluice.filter.Filter;
import io.sluice.filter.FilterHost;
import io.sluice.filter.FilterOperations;
import io.sluice.filter.Parameter;
import io.sluice.filter.ParameterType;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What users see of the filter: its name, its options, its commands. */
public final class TemplateOperations implements FilterOperations {
  @Override
  public String name() {
    return "template";
  }

  /** Those that the filter was written for; the registry never sends it another. */
  @Override
  public Set<BioOp> ops() {
    return Set.of(BioOp.READ, BioOp.WRITE, BioOp.FLUSH, BioOp.DISCARD, BioOp.WRITE_ZEROES);
  }

  @Override
  public List<Parameter> options() {
    return List.of(
        new Parameter("slow", ParameterType.DURATION, "10ms", "a bio that takes longer is slow"));
  }

  @Override
  public List<CtlCommand> commands() {
    return List.of(new CtlCommand("show", List.of(), "counts all bios and the slow ones"));
  }

  @Override
  public Filter attach(FilterHost host, Map<String, String> options) throws ErrnoException {
    Arguments given = Arguments.ofOptions("filter " + name(), options(), options);
    return new TemplateFilter(given.duration("slow"), System::nanoTime);
  }
}
