package io.sluice.diffstore.tmpfs.internal;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.diffstore.DiffStore;
import io.sluice.diffstore.DiffStoreProvider;
import io.sluice.filter.Arguments;
import io.sluice.filter.Parameter;
import io.sluice.filter.ParameterType;
import io.sluice.swap.HandOver;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Opens stores of the kind {@code tmpfs:SIZE}, where SIZE is the most that the store grows to. */
public final class TmpfsDiffStoreProvider implements DiffStoreProvider {
  static final String KIND = "tmpfs";
  private static final List<Parameter> SIZE =
      List.of(new Parameter("size", ParameterType.SIZE, null, "bytes, with K, M, G or T"));

  private final MemoryBudget budget;

  /** A provider whose stores share a budget. */
  public TmpfsDiffStoreProvider(MemoryBudget budget) {
    this.budget = budget;
  }

  @Override
  public Set<String> kinds() {
    return Set.of(KIND);
  }

  @Override
  public DiffStore open(String kind, String argument) throws ErrnoException {
    String what = "store " + kind + ":" + argument;
    if (!kind.equals(KIND)) {
      throw new ErrnoException(Errno.EINVAL, what + ": not served here, only " + KIND + " is");
    }
    long sizeBytes = sizeBytes(what, argument);
    if (sizeBytes < 1 || sizeBytes > budget.limitBytes()) {
      throw new ErrnoException(
          Errno.EINVAL,
          what
              + ": from 1 to "
              + budget.limitBytes()
              + " bytes, the limit of all tmpfs stores together"
              + " (sluice.diffstore.tmpfs.limit)");
    }
    return TmpfsDiffStore.create(sizeBytes, budget);
  }

  @Override
  public DiffStore takeOver(HandOver handOver) throws ErrnoException {
    return TmpfsDiffStore.takeOver(handOver, budget);
  }

  /**
   * Reads a size such as {@code 512M}.
   *
   * @param what for the message
   * @throws ErrnoException EINVAL if it is none
   */
  public static long sizeBytes(String what, String text) throws ErrnoException {
    return Arguments.ofOptions(what, SIZE, Map.of("size", text)).sizeBytes("size");
  }
}
