package io.sluice.tck;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.StorageIdentity;
import io.sluice.diffstore.DiffStore;
import io.sluice.diffstore.DiffStoreProvider;
import io.sluice.swap.HandOver;
import io.sluice.tck.HeapStores.Store;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Exchanger;
import org.junit.jupiter.api.io.TempDir;

/** Stores that break one rule each. */
final class StoreMutants {
  private StoreMutants() {}

  /** Makes a provider, as wrong as it may be. */
  @FunctionalInterface
  interface Make {
    DiffStoreProvider make();
  }

  /** The kit over whatever is to be tested now. */
  static final class Kit extends DiffStoreTck {
    static Make make = HeapStores::new;

    @TempDir Path directory;

    @Override
    protected DiffStoreProvider provider() {
      return make.make();
    }

    @Override
    protected String kind() {
      return "heap";
    }

    @Override
    protected String argument() {
      return directory.resolve("store").toString();
    }

    @Override
    protected boolean namesOneStorage() {
      return true;
    }

    @Override
    protected Optional<Path> file() {
      return Optional.of(directory.resolve("store"));
    }
  }

  static KitRun run(Mutant<Make> mutant) {
    HeapStores.HELD.clear();
    Kit.make = mutant.make();
    return KitRun.of(Kit.class);
  }

  /** Makes a mutant's store. */
  @FunctionalInterface
  private interface MakeStore {
    Store of(String path, byte[] bytes);
  }

  private static Make store(MakeStore make) {
    return () ->
        new HeapStores() {
          @Override
          Store store(String path, byte[] bytes) {
            return make.of(path, bytes);
          }
        };
  }

  private static ErrnoException error(Errno errno) {
    return new ErrnoException(errno, "wrong on purpose");
  }

  static List<Mutant<Make>> all() {
    return List.of(
        new Mutant<>("DST-1", "releases late, over new bytes", store(ReleasesLate::new)),
        new Mutant<>(
            "DST-2",
            "leaves the position of a write",
            store(
                (path, bytes) ->
                    new Store(path, bytes) {
                      @Override
                      public synchronized void write(long offset, ByteBuffer data)
                          throws ErrnoException {
                        super.write(offset, data.duplicate());
                      }
                    })),
        new Mutant<>(
            "DST-2",
            "reads nothing behind the end",
            store(
                (path, bytes) ->
                    new Store(path, bytes) {
                      @Override
                      public synchronized void read(long offset, ByteBuffer data)
                          throws ErrnoException {
                        if (offset < capacityBytes()) {
                          super.read(offset, data);
                        }
                      }
                    })),
        new Mutant<>("DST-3", "reads by one scratch buffer for all", store(SharesScratch::new)),
        new Mutant<>(
            "DST-4",
            "counts what it could not reserve",
            store(
                (path, bytes) ->
                    new Store(path, bytes) {
                      private long wished;

                      @Override
                      public long capacityBytes() {
                        return Math.max(wished, super.capacityBytes());
                      }

                      @Override
                      public void grow(long capacityBytes) throws ErrnoException {
                        wished = capacityBytes;
                        super.grow(capacityBytes);
                      }
                    })),
        new Mutant<>(
            "DST-5",
            "opens one file twice",
            () ->
                new HeapStores() {
                  @Override
                  boolean mayOpen(String path) {
                    return super.mayOpen(path) || HELD.get(path).length == 0;
                  }
                }),
        new Mutant<>(
            "DST-6",
            "a file that all may read",
            () ->
                new HeapStores() {
                  @Override
                  String permissions() {
                    return "rw-r--r--";
                  }
                }),
        new Mutant<>(
            "DST-7",
            "names no storage",
            store(
                (path, bytes) ->
                    new Store(path, bytes) {
                      @Override
                      public List<StorageIdentity> identities() {
                        return List.of();
                      }
                    })),
        new Mutant<>(
            "DST-8",
            "throws at the second close",
            store(
                (path, bytes) ->
                    new Store(path, bytes) {
                      @Override
                      public void close() throws ErrnoException {
                        if (!HELD_BY_HAND_OVER.contains(path) && closed) {
                          throw error(Errno.EIO);
                        }
                        super.close();
                      }

                      @Override
                      public HandOver handOver() throws ErrnoException {
                        HELD_BY_HAND_OVER.add(path);
                        return super.handOver();
                      }
                    })),
        new Mutant<>(
            "DST-8",
            "keeps the storage when it is closed",
            store(
                (path, bytes) ->
                    new Store(path, bytes) {
                      @Override
                      public void close() {}
                    })),
        new Mutant<>(
            "DST-10",
            "hands over without the last bytes",
            () ->
                new HeapStores() {
                  @Override
                  public DiffStore takeOver(HandOver handOver) throws ErrnoException {
                    DiffStore store = super.takeOver(handOver);
                    store.release(store.capacityBytes() - 1, 1);
                    return store;
                  }
                }),
        new Mutant<>(
            "DST-10",
            "refuses with EIO",
            store(
                (path, bytes) ->
                    new Store(path, bytes) {
                      @Override
                      public HandOver handOver() throws ErrnoException {
                        throw error(Errno.EIO);
                      }
                    })),
        new Mutant<>(
            "DST-11",
            "closes what it does not know",
            () ->
                new HeapStores() {
                  @Override
                  public DiffStore takeOver(HandOver handOver) throws ErrnoException {
                    try {
                      return super.takeOver(handOver);
                    } catch (ErrnoException e) {
                      handOver.close();
                      throw e;
                    }
                  }
                }),
        new Mutant<>(
            "DST-12",
            "refuses an empty release",
            store(
                (path, bytes) ->
                    new Store(path, bytes) {
                      @Override
                      public void release(long offset, long length) {
                        if (length == 0) {
                          throw new IllegalArgumentException("nothing to release");
                        }
                        super.release(offset, length);
                      }
                    })));
  }

  private static final List<String> HELD_BY_HAND_OVER = new ArrayList<>();

  private static final class ReleasesLate extends Store {
    private final List<long[]> late = new ArrayList<>();

    ReleasesLate(String path, byte[] bytes) {
      super(path, bytes);
    }

    @Override
    public void release(long offset, long length) {
      late.add(new long[] {offset, length});
    }

    @Override
    public void grow(long capacityBytes) throws ErrnoException {
      super.grow(capacityBytes);
      late.forEach(range -> super.release(range[0], range[1]));
      late.clear();
    }
  }

  private static final class SharesScratch extends Store {
    private static final int SHARE_BYTES = 256 << 10;
    private final Exchanger<Boolean> exchanger = new Exchanger<>();
    private final byte[] scratch = new byte[SHARE_BYTES];

    SharesScratch(String path, byte[] bytes) {
      super(path, bytes);
    }

    // Not synchronized: that is what is wrong.
    @Override
    @SuppressWarnings("UnsynchronizedOverridesSynchronized")
    public void read(long offset, ByteBuffer data) throws ErrnoException {
      if (data.remaining() != SHARE_BYTES) {
        super.read(offset, data);
        return;
      }
      super.read(offset, ByteBuffer.wrap(scratch));
      DeviceMutants.meet(exchanger, 1);
      data.put(Arrays.copyOf(scratch, SHARE_BYTES));
    }
  }
}
