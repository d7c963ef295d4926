package org.example.heapstore;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.diffstore.DiffStore;
import io.sluice.diffstore.DiffStoreProvider;
import io.sluice.filter.Arguments;
import io.sluice.filter.Parameter;
import io.sluice.filter.ParameterType;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Opens stores of the kind {@code heap:SIZE}, where SIZE is the most that the store grows to. */
public final class HeapDiffStoreProvider implements DiffStoreProvider {
  static final String KIND = "heap";
  private static final List<Parameter> SIZE =
      List.of(new Parameter("size", ParameterType.SIZE, null, "bytes, with K, M or G"));

  private final HeapBudget budget;

  /**
   * A provider.
   *
   * @param limitBytes how much all its stores may take of the heap together
   */
  public HeapDiffStoreProvider(long limitBytes) {
    this.budget = new HeapBudget(limitBytes);
  }

  @Override
  public Set<String> kinds() {
    return Set.of(KIND);
  }

  @Override
  public DiffStore open(String kind, String argument) throws ErrnoException {
    String what = "store " + kind + ":" + argument;
    if (!kind.equals(KIND)) {
      throw new ErrnoException(Errno.EINVAL, what + ": only " + KIND + " is served here");
    }
    long sizeBytes = Arguments.ofOptions(what, SIZE, Map.of("size", argument)).sizeBytes("size");
    if (sizeBytes < 1 || sizeBytes > budget.limitBytes()) {
      throw new ErrnoException(
          Errno.EINVAL,
          what
              + ": from 1 to "
              + budget.limitBytes()
              + " bytes, which is what all such stores may take of the heap together");
    }
    return new HeapDiffStore(sizeBytes, budget);
  }
}
