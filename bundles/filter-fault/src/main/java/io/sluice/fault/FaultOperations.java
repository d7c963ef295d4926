package io.sluice.fault;

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

/** The filter {@code fault}, as it is registered. */
public final class FaultOperations implements FilterOperations {
  /** All there are as this is written; one that is added later is refused above the filter. */
  static final Set<BioOp> OPS =
      Set.of(BioOp.READ, BioOp.WRITE, BioOp.FLUSH, BioOp.DISCARD, BioOp.WRITE_ZEROES);

  static final CtlCommand LIST =
      new CtlCommand("list", List.of(), "lists the rules and what they have hit");
  static final CtlCommand REMOVE =
      new CtlCommand(
          "remove",
          List.of(RuleText.count("id", null, "the rule's number")),
          "removes a rule; bios that wait in it go on");
  static final CtlCommand CLEAR =
      new CtlCommand("clear", List.of(), "removes all rules; bios that wait go on");
  static final CtlCommand RELEASE =
      new CtlCommand(
          "release",
          List.of(RuleText.count("id", "", "the rule's number; default all")),
          "lets the bios go on that wait now; the rules stay");
  static final CtlCommand SEED =
      new CtlCommand(
          "seed",
          List.of(RuleText.count("seed", null, "any whole number")),
          "sets the seed, and has all rules count from the start again");

  static final List<CtlCommand> COMMANDS =
      List.of(RuleText.ADD, LIST, REMOVE, CLEAR, RELEASE, SEED);

  private static final List<Parameter> OPTIONS =
      List.of(
          RuleText.count("seed", "0", "what chance starts from; any whole number"),
          RuleText.text("rules", "", "rules as the command add takes them, with ; between"));

  @Override
  public String name() {
    return "fault";
  }

  /** Just above the origin: a fault is the disk's, and all other filters have to live with it. */
  @Override
  public int altitude() {
    return 100;
  }

  @Override
  public Set<BioOp> ops() {
    return OPS;
  }

  /** A bio that hangs on purpose is no fault of this filter. */
  @Override
  public Duration callLimit() {
    return Duration.ofDays(1);
  }

  @Override
  public List<Parameter> options() {
    return OPTIONS;
  }

  @Override
  public List<CtlCommand> commands() {
    return COMMANDS;
  }

  @Override
  public Filter attach(FilterHost host, Map<String, String> options) throws ErrnoException {
    return new FaultFilter(Arguments.ofOptions("filter fault", OPTIONS, options));
  }
}
