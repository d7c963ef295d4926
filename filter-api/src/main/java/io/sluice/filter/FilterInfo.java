package io.sluice.filter;

import io.sluice.block.BioOp;
import java.util.List;
import java.util.Set;

/**
 * A registered filter.
 *
 * @param name its name
 * @param altitude its default altitude
 * @param ops the operations it understands
 * @param devices the live devices it is attached to, sorted
 * @param options what can be given at attach
 * @param commands what {@link FilterRegistry#ctl} takes
 * @param provider the bundle it is from, {@code "name version"}; empty if it is none
 */
public record FilterInfo(
    String name,
    int altitude,
    Set<BioOp> ops,
    List<String> devices,
    List<Parameter> options,
    List<CtlCommand> commands,
    String provider) {}
