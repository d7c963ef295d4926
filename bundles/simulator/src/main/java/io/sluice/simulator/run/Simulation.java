package io.sluice.simulator.run;

import io.sluice.block.BioOp;
import io.sluice.simulator.device.SimDiffStore;
import io.sluice.simulator.schedule.SimRandom;
import io.sluice.simulator.schedule.SimScheduler;
import io.sluice.simulator.schedule.SimThreads;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** Runs one plan against one engine. */
public final class Simulation {
  /**
   * What came of it.
   *
   * @param plan what was run
   * @param failure the first property that did not hold, or null
   * @param steps switch points passed
   * @param reached how often each {@link Reach} occurred
   * @param trace what happened, line by line, if it was asked for
   * @param fingerprint equal for equal runs
   */
  public record Outcome(
      Plan plan,
      Throwable failure,
      int steps,
      Map<Reach, Integer> reached,
      List<String> trace,
      int fingerprint) {}

  private final Plan plan;
  private final Subject.Factory factory;
  private final Tampering tampering;
  private final boolean traced;
  private final SimScheduler scheduler;
  private World world;
  private LiveOps live;
  private ImageOps images;
  private TrackingOps tracking;
  private ControlOps control;
  private FaultOps faults;
  private StoreOps storeOps;

  private Simulation(
      Plan plan, Subject.Factory factory, Tampering tampering, SimThreads threads, boolean traced) {
    this.plan = plan;
    this.factory = factory;
    this.tampering = tampering;
    this.traced = traced;
    this.scheduler =
        new SimScheduler(threads, new SimRandom(plan.seed() * 31 + 7), plan.switchPerMille());
  }

  /**
   * Runs a plan.
   *
   * @param tampering {@link Tampering#NONE}, or a mutant
   * @param threads kept from run to run; lost if the run gets stuck
   * @param traced whether to keep a trace
   */
  public static Outcome run(
      Plan plan, Subject.Factory factory, Tampering tampering, SimThreads threads, boolean traced) {
    return new Simulation(plan, factory, tampering, threads, traced).run();
  }

  private Outcome run() {
    Throwable failure = scheduler.run(this::main);
    int fingerprint = scheduler.steps();
    for (World.Device device : world.devices()) {
      fingerprint = fingerprint * 31 + Arrays.hashCode(device.disk.bytes());
    }
    return new Outcome(
        plan, failure, scheduler.steps(), world.reached(), world.traceLines(), fingerprint);
  }

  private void main() {
    world = new World(plan, scheduler, factory, tampering, traced);
    live = new LiveOps(world);
    images = new ImageOps(world, live);
    tracking = new TrackingOps(world);
    control = new ControlOps(world);
    faults = new FaultOps(world);
    storeOps = new StoreOps(world);
    for (Plan.Task task : plan.tasks()) {
      world.spawn(task.name(), () -> task.ops().forEach(this::execute));
    }
    world.joinAll();
    finish();
  }

  private void execute(SimOp op) {
    switch (op.kind()) {
      case WRITE -> live.modify(BioOp.WRITE, op);
      case WRITE_ZEROES -> live.modify(BioOp.WRITE_ZEROES, op);
      case DISCARD -> live.modify(BioOp.DISCARD, op);
      case FLUSH -> live.flush(op);
      case READ -> live.read(op);
      case STATUS -> live.status(op);
      case PAIR -> live.pair(op);
      case IMAGE_READ -> images.read(op);
      case IMAGE_WRITE, IMAGE_ZEROES, IMAGE_DISCARD -> images.modify(op);
      case IMAGE_STATUS -> images.status(op);
      case IMAGE_FLUSH -> images.flush(op);
      case IMAGE_CHECK -> images.check(op);
      case IMAGE_BAD -> images.bad(op);
      case CREATE -> control.create(op);
      case ADD -> control.add(op);
      case TAKE -> control.take(op);
      case DESTROY -> control.destroy(op);
      case EVENTS -> control.events(op);
      case INFO -> control.info(op);
      case MANY_TAKES -> manyTakes(op);
      case MARK_DIRTY -> tracking.markDirty(op);
      case CBT_CHECK -> tracking.check(op);
      case ATTACH -> tracking.attach(op);
      case DETACH -> tracking.detach(op);
      case PUT_ASIDE -> faults.putAside(op);
      case LOSE_DEVICE -> faults.loseDevice(op);
      case GROW -> faults.grow(op);
      case HANG_STORES -> faults.hangStores(op);
      case SWAP_STORES -> faults.swapStores(op);
      case ADD_STORE -> storeOps.add(op);
      case MOVE_STORES -> storeOps.move(op);
    }
  }

  /** Takes until the numbers run out, with some held at all times, destroyed in any order. */
  private void manyTakes(SimOp op) {
    SimRandom random = new SimRandom(op.variant());
    int heldMax = random.between(1, PlanGenerator.SLOTS - PlanGenerator.MANY_SLOT);
    for (int i = 0; i < op.count(); i++) {
      SimOp one = manyOp(op, i, PlanGenerator.MANY_SLOT + random.below(heldMax));
      if (world.slot(one.slot()) != null) {
        images.check(one);
        control.destroy(one);
      }
      if (!control.create(one)) { // the device has as many as it can
        for (int held = 0; held < heldMax; held++) {
          destroyHeld(manyOp(op, i, PlanGenerator.MANY_SLOT + held));
        }
        continue;
      }
      control.take(one);
      if (i % 16 == 0 || i > 250) {
        tracking.check(one);
      }
    }
  }

  private static SimOp manyOp(SimOp op, int round, int slot) {
    return new SimOp(OpKind.CREATE, op.device(), slot, 1 << op.device(), 0, op.variant() + round);
  }

  private void destroyHeld(SimOp op) {
    if (world.slot(op.slot()) != null) {
      control.destroy(op);
    }
  }

  /** Reads everything, compares, destroys, and looks for leaks. */
  private void finish() {
    for (World.Device device : world.devices()) {
      if (device.saidToLeave) {
        throw world.fail("P4 tracking: the filter of " + device.disk.name() + " is said to leave");
      }
    }
    for (int slot = 0; slot < PlanGenerator.SLOTS; slot++) {
      images.check(at(OpKind.IMAGE_CHECK, 0, slot));
    }
    for (int device = 0; device < world.devices().size(); device++) {
      tracking.check(at(OpKind.CBT_CHECK, device, 0));
    }
    for (int slot = 0; slot < PlanGenerator.SLOTS; slot++) {
      control.finish(at(OpKind.DESTROY, 0, slot));
    }
    world.joinAll(); // growth that was still to come
    for (int device = 0; device < world.devices().size(); device++) {
      world.checkDisk(world.device(device), "at the end");
      tracking.check(at(OpKind.CBT_CHECK, device, 0));
      if (world.device(device).live.isAttached()) {
        tracking.detach(at(OpKind.DETACH, device, 0));
      }
    }
    checkLeaks();
  }

  private static SimOp at(OpKind kind, int device, int slot) {
    return new SimOp(kind, device, slot, 0, 0, 6);
  }

  private void checkLeaks() {
    for (SimDiffStore store : world.stores().opened()) {
      if (!store.isClosed()) {
        throw world.fail("P7 leak: " + store.name() + " is open at the end");
      }
    }
    if (world.stores().pins() > 0) {
      throw world.fail("P7 leak: the provider of stores is pinned at the end");
    }
    if (world.heldLockCount() > 0
        || world.subject().buffersInUse() > 0
        || !world.publishedNames().isEmpty()) {
      throw world.fail(
          "P7 leak: "
              + world.heldLockCount()
              + " locks are held at the end, "
              + world.subject().buffersInUse()
              + " buffers are out, images are left: "
              + world.publishedNames());
    }
  }
}
