package io.sluice.simulator.run;

import io.sluice.blksnap.cow.CopyBuffer;
import io.sluice.blksnap.cow.CopyBuffers;
import io.sluice.blksnap.diff.BatchBuffers;
import io.sluice.blksnap.diff.StoreSource;
import io.sluice.blksnap.session.EngineEdges;
import io.sluice.blksnap.session.SnapshotEngine;
import io.sluice.blksnap.session.TrackingStates;
import io.sluice.blksnap.tracking.BlksnapParameters;
import io.sluice.blksnap.tracking.TrackerState;
import io.sluice.block.DeviceViews;
import io.sluice.block.ErrnoException;
import io.sluice.diffstore.DiffStore;
import io.sluice.diffstore.DiffStoreProvider;
import io.sluice.filter.FilterOperations;
import io.sluice.snapshot.ChangeTracking;
import io.sluice.snapshot.SnapshotControl;
import io.sluice.swap.HandOver;
import io.sluice.swap.ProviderUser;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.function.BooleanSupplier;

/** The real engine on simulated edges. */
public final class BlksnapSubject implements Subject {
  private static final int BATCH_COUNT = 128;
  private static final int BATCH_CHUNKS_SHIFT_MAX = 2;

  private final Budget buffers;
  private final Budget imageBuffers;
  private final SnapshotEngine engine;

  private BlksnapSubject(Edges edges, Plan plan) {
    buffers = new Budget(edges.buffers(), plan.buffers());
    imageBuffers = new Budget(edges.imageBuffers(), plan.buffers());
    BlksnapParameters parameters =
        new BlksnapParameters(
            plan.trackingShift(),
            26,
            1 << 20,
            plan.chunkShift(),
            26,
            28,
            1 << 20,
            plan.portionSectors());
    engine =
        new SnapshotEngine(
            new EngineEdges(
                edges.registry(),
                new ProvidedStores(edges.stores()),
                edges.locks(),
                () -> new StoreWaits(edges.waits().get()),
                new KeptStates(edges.states()),
                edges.background(),
                edges.clock(),
                edges.ids(),
                (name, description, image) -> {
                  Runnable withdraw = edges.images().publish(name, image);
                  return withdraw::run;
                },
                buffers,
                imageBuffers,
                new BatchBuffers(BATCH_COUNT, batchBytes(plan), ByteBuffer::allocate),
                Duration.ofSeconds(1),
                (mountPoints, devices) -> List::of,
                Duration.ofSeconds(1),
                edges.log()),
            parameters);
  }

  /** From less than one chunk to some; a batch is read from the origin at once, in its blocks. */
  private static int batchBytes(Plan plan) {
    int chunks = 1 << Math.floorMod(plan.seed(), BATCH_CHUNKS_SHIFT_MAX + 1);
    int blockBytes = plan.disks().stream().mapToInt(Plan.Disk::cellBytes).max().orElseThrow();
    return Math.max(blockBytes, Math.min(chunks << plan.chunkShift(), CopyBuffer.SIZE_BYTES));
  }

  /** Makes the engine of a run. */
  public static Subject create(Edges edges, Plan plan) {
    return new BlksnapSubject(edges, plan);
  }

  @Override
  public FilterOperations operations() {
    return engine.operations();
  }

  @Override
  public SnapshotControl control() {
    return engine;
  }

  @Override
  public ChangeTracking tracking() {
    return engine;
  }

  @Override
  public DeviceViews views() {
    return engine.views();
  }

  @Override
  public ProviderUser storeUser() {
    return engine.storeSwap();
  }

  @Override
  public int buffersInUse() {
    return buffers.inUse + imageBuffers.inUse;
  }

  /** A budget whose waiting the scheduler knows of. The buffers are kept from run to run. */
  private static final class Budget extends CopyBuffers {
    private static final ConcurrentLinkedDeque<CopyBuffer> IDLE = new ConcurrentLinkedDeque<>();

    private final Waiting waiting;
    private final int count;
    private int inUse;

    Budget(Waiting waiting, int count) {
      super(count);
      this.waiting = waiting;
      this.count = count;
    }

    @Override
    public CopyBuffer acquire() {
      waiting.take(count);
      inUse++;
      CopyBuffer buffer = IDLE.pollFirst();
      return buffer == null ? new CopyBuffer() : buffer;
    }

    @Override
    public void release(CopyBuffer buffer) {
      IDLE.addFirst(buffer);
      inUse--;
      waiting.put();
    }
  }

  /** What is kept of trackers, as bytes. */
  private record KeptStates(Subject.States edge) implements TrackingStates {
    @Override
    public Optional<TrackerState> claim(String device, String stamp, int blockCount) {
      return edge.claim(device, stamp).flatMap(bytes -> read(bytes, blockCount));
    }

    private static Optional<TrackerState> read(byte[] bytes, int blockCount) {
      try {
        return Optional.of(TrackerState.read(new ByteArrayInputStream(bytes), blockCount));
      } catch (IOException e) {
        return Optional.empty(); // as a damaged file
      }
    }

    @Override
    public void save(String device, String stamp, TrackerState state) {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      try {
        state.write(bytes);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      edge.save(device, stamp, bytes.toByteArray());
    }
  }

  /** The providers as the engine wants them. */
  private record ProvidedStores(Subject.Stores edge) implements StoreSource {
    @Override
    public Provided open(String kind, String argument, String user) throws ErrnoException {
      return provide(kind, provider -> provider.open(kind, argument));
    }

    @Override
    public Provided takeOver(String kind, HandOver handOver, String user, Duration limit)
        throws ErrnoException {
      return provide(kind, provider -> provider.takeOver(handOver));
    }

    private interface Opening {
      DiffStore by(DiffStoreProvider provider) throws ErrnoException;
    }

    private Provided provide(String kind, Opening opening) throws ErrnoException {
      Runnable unpin = edge.pin();
      long id = edge.providerId();
      try {
        return new Provided(opening.by(edge.provider()), kind, id, unpin);
      } catch (ErrnoException e) {
        unpin.run();
        throw e;
      }
    }
  }

  /** The waits as the engine wants them; the world says when it took too long. */
  private record StoreWaits(Subject.Waits edge) implements io.sluice.blksnap.diff.Waiting {
    @Override
    public void limit(Duration limit) {}

    @Override
    public boolean until(BooleanSupplier condition) {
      return edge.until(condition);
    }

    @Override
    public boolean until(BooleanSupplier condition, Duration limit) {
      return edge.untilFree(condition);
    }

    @Override
    public void changed() {
      edge.changed();
    }
  }
}
