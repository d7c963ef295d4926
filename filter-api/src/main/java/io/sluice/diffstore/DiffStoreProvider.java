package io.sluice.diffstore;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.swap.HandOver;
import java.util.Set;
import org.osgi.annotation.versioning.ConsumerType;

/** Opens difference stores of some kinds. An OSGi service. */
@ConsumerType
public interface DiffStoreProvider {
  /** The kinds served, as in {@code --store KIND:ARG}; such as {@code file} and {@code dir}. */
  Set<String> kinds();

  /**
   * Opens a store and holds it exclusively. It starts with whatever capacity is there already; the
   * caller grows it.
   *
   * @param kind one of {@link #kinds()}
   * @param argument what follows the colon: a path, or a size
   * @throws ErrnoException ENOENT, EACCES, ENOTDIR, EISDIR, EINVAL for an argument that can't be
   *     such a store; EBUSY if it is held elsewhere
   */
  DiffStore open(String kind, String argument) throws ErrnoException;

  /**
   * Takes over a store that another version of this provider gave away.
   *
   * @param handOver of {@link DiffStore#handOver()}; owned by this provider if this returns
   * @throws ErrnoException ENOTSUP for a format it does not know; the hand-over is untouched then
   */
  default DiffStore takeOver(HandOver handOver) throws ErrnoException {
    throw new ErrnoException(
        Errno.ENOTSUP, "store hand-over \"" + handOver.format() + "\": not known to this provider");
  }
}
