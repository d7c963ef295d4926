package io.sluice.simulator.run;

import io.sluice.blksnap.cow.CopyBuffer;
import io.sluice.blksnap.cow.CopyBuffers;
import io.sluice.blksnap.session.EngineEdges;
import io.sluice.blksnap.session.SnapshotEngine;
import io.sluice.blksnap.tracking.BlksnapParameters;
import io.sluice.filter.FilterOperations;
import io.sluice.snapshot.ChangeTracking;
import io.sluice.snapshot.SnapshotControl;
import java.time.Duration;
import java.util.concurrent.ConcurrentLinkedDeque;

/** The real engine on simulated edges. */
public final class BlksnapSubject implements Subject {
  private final Budget buffers;
  private final SnapshotEngine engine;

  private BlksnapSubject(Edges edges, Plan plan) {
    buffers = new Budget(edges.buffers(), plan.buffers());
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
                kind -> edges.stores(),
                edges.locks(),
                edges.growth(),
                edges.clock(),
                edges.ids(),
                (name, description, image) -> {
                  Runnable withdraw = edges.images().publish(name, image);
                  return withdraw::run;
                },
                buffers,
                Duration.ofSeconds(1),
                edges.log()),
            parameters);
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
  public int buffersInUse() {
    return buffers.inUse;
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
}
