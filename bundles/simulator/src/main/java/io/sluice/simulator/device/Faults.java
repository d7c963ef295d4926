package io.sluice.simulator.device;

import io.sluice.block.Errno;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** The faults of one run: each strikes at the k-th visit of its site, once or from then on. */
public final class Faults {
  /**
   * One fault.
   *
   * @param site where
   * @param visit at which visit of the site, from 1
   * @param forever whether each later visit fails too
   * @param errno with what
   */
  public record Fault(FaultSite site, int visit, boolean forever, Errno errno) {
    @Override
    public String toString() {
      return site + (forever ? " from visit " : " at visit ") + visit + " on: " + errno;
    }
  }

  private final Map<FaultSite, List<Fault>> bySite = new EnumMap<>(FaultSite.class);
  private final Map<FaultSite, Integer> visits = new EnumMap<>(FaultSite.class);

  /** Keeps the faults of the list. */
  public Faults(List<Fault> faults) {
    for (Fault fault : faults) {
      bySite.computeIfAbsent(fault.site(), site -> new ArrayList<>(1)).add(fault);
    }
  }

  /** Counts a visit of a site; the errno to fail it with, or null. */
  public Errno strike(FaultSite site) {
    List<Fault> faults = bySite.get(site);
    if (faults == null) {
      return null;
    }
    int visit = visits.merge(site, 1, Integer::sum);
    for (Fault fault : faults) {
      if (visit == fault.visit() || (fault.forever() && visit > fault.visit())) {
        return fault.errno();
      }
    }
    return null;
  }
}
