package io.sluice.registry;

import static java.lang.System.Logger.Level.ERROR;
import static java.lang.System.Logger.Level.WARNING;

import io.sluice.block.BioOp;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.OriginDevice;
import io.sluice.block.StorageIdentity;
import io.sluice.filter.AttachRequest;
import io.sluice.filter.ChainEntry;
import io.sluice.filter.Filter;
import io.sluice.filter.FilterHost;
import io.sluice.filter.OnError;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.LongAdder;

/**
 * One filter on one device, whatever its neighbours in the chain are: the filter's calls, counters
 * and quarantine.
 */
final class AttachedFilter {
  /** What the filter may know of its device. */
  record Host(String deviceName, OriginDevice origin, LowerDevice lower) implements FilterHost {
    @Override
    public String originPath() {
      return origin.path();
    }

    @Override
    public StorageIdentity originIdentity() {
      return origin.identity();
    }

    @Override
    public Optional<String> originStamp() {
      return origin.contentStamp();
    }
  }

  /** What the filter gets to do. */
  enum State {
    ATTACHED,
    /** On the way to BYPASSED: it is being told, and until it has been, bios wait. */
    TELLING,
    BYPASSED,
    FAILED
  }

  /** How long the filter may take to hear that it is put aside, or that its device is lost. */
  static final Duration TELL_LIMIT = Duration.ofSeconds(5);

  /** What a detach grants beyond that, before it goes on with a filter that still listens. */
  private static final Duration TELL_SLACK = Duration.ofSeconds(5);

  /** What the call is named that tells it. */
  private static final String TELLING = "quarantined";

  private static final System.Logger LOG = System.getLogger("io.sluice.registry");

  final FilterTable.Entry entry;
  final Terms terms;
  final int altitude;
  final LowerDevice lower;

  /** The control commands that run; shut when the filter leaves. */
  final Gate commands;

  final CallStacks stacks;
  final Latency latency = new Latency();
  final long callLimitNanos;

  private final String device;
  private final OnError onError;
  private final Filter filter;

  /** As the entry's, a bit for each. */
  final int opBits;

  /** Bios it was given, but for those that its calls have not added yet; see {@link Call#count}. */
  final LongAdder bioCount = new LongAdder();

  private final LongAdder errorCount = new LongAdder();
  private final LongAdder faultCount = new LongAdder();

  /** Leaves ATTACHED once, under this object's lock. */
  private volatile State state = State.ATTACHED;

  /** Open from the moment the filter has been told that it is put aside. */
  private final CountDownLatch told = new CountDownLatch(1);

  private final AtomicBoolean lossTold = new AtomicBoolean();
  private volatile String lastFault = "";

  AttachedFilter(
      FilterTable.Entry entry, Terms terms, Host host, Filter filter, CallStacks stacks) {
    this.stacks = stacks;
    this.callLimitNanos = terms.callLimit().toNanos();
    this.entry = entry;
    this.terms = terms;
    this.altitude = terms.altitude();
    this.onError = terms.onError();
    this.device = host.deviceName();
    this.lower = host.lower();
    this.filter = filter;
    this.commands = new Gate("filter " + entry.name() + " on device " + device, 1);
    this.opBits = entry.ops().stream().mapToInt(AttachedFilter::bit).sum();
  }

  Filter filter() {
    return filter;
  }

  String name() {
    return entry.name();
  }

  State state() {
    return state;
  }

  boolean understands(BioOp op) {
    return (opBits & bit(op)) != 0;
  }

  @SuppressWarnings("EnumOrdinal") // As in an EnumSet: the bits are in no file and no interface.
  static int bit(BioOp op) {
    return 1 << op.ordinal();
  }

  void countError() {
    errorCount.increment();
  }

  /**
   * Takes a fault on the data path down and quarantines the filter. Returns when bios may go past
   * it, or fail because of it.
   *
   * <p>Every Throwable is one, a VirtualMachineError too: passed up, it would end the thread of a
   * client that has done nothing, and a filter that was torn out of its work by it can't be trusted
   * with the next bio.
   *
   * @param operation what it was asked
   * @throws ErrnoException if this thread got stuck in telling the filter, and was given up
   */
  void quarantine(String operation, Throwable fault) throws ErrnoException {
    String text = recordFault(operation + " failed", OneLine.of(fault));
    if (startQuarantine()) {
      Faults.log(LOG, ERROR, text + consequence(), fault);
      tell(text);
    }
  }

  private synchronized boolean startQuarantine() {
    if (state != State.ATTACHED) {
      return false;
    }
    state = onError == OnError.BYPASS ? State.TELLING : State.FAILED;
    return true;
  }

  private String consequence() {
    return onError == OnError.BYPASS
        ? "; I/O goes past it from now on"
        : "; the device fails all I/O until the filter is detached";
  }

  /**
   * Tells the filter that it is put aside, and only then lets bios past it. The call is watched as
   * any other: if it hangs, bios do not wait for ever.
   */
  private void tell(String text) throws ErrnoException {
    if (!call(TELLING, () -> filter.quarantined(text))) {
      throw CallStacks.givenUp(text);
    }
    finishTelling();
  }

  /**
   * Runs a call that is not about a bio, with its own limit.
   *
   * @return false if it hung and was given up
   */
  private boolean call(String task, Runnable body) {
    CallStack stack = stacks.mine();
    Call call = stack.prepare(this, TELL_LIMIT.toNanos());
    call.task = task;
    stack.begin(call);
    Throwable thrown = null;
    try {
      body.run();
    } catch (Throwable fault) {
      thrown = fault;
    }
    boolean evicted = stack.end(call) == Call.EVICTED;
    call.task = null;
    call.filter = null;
    if (thrown != null && !evicted) {
      Faults.log(LOG, ERROR, recordFault(task + " failed", OneLine.of(thrown)), thrown);
    }
    return !evicted;
  }

  private void finishTelling() {
    synchronized (this) {
      if (state == State.TELLING) {
        state = State.BYPASSED;
      }
    }
    told.countDown();
  }

  /** Waits while the filter is being told that it is put aside. An interrupt is kept for later. */
  void awaitTold() {
    awaitTold(Long.MAX_VALUE);
  }

  private void awaitTold(long limitNanos) {
    long startNanos = System.nanoTime();
    boolean interrupted = false;
    long leftNanos = limitNanos;
    while (leftNanos > 0) {
      try {
        boolean unused = told.await(leftNanos, TimeUnit.NANOSECONDS);
        break;
      } catch (InterruptedException e) {
        interrupted = true;
        leftNanos = limitNanos - (System.nanoTime() - startNanos);
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /**
   * Takes down that a call hangs in the filter, in the watcher's thread. Runs no foreign code.
   *
   * @return what to do when the stuck thread has been cut off
   */
  CallStacks.Eviction giveUp(Call call) {
    long limitMillis = TimeUnit.NANOSECONDS.toMillis(call.limitNanos());
    String text =
        recordFault(
            call.what() + " hung",
            "its thread \""
                + OneLine.of(call.stack.thread.getName())
                + "\" stayed in the filter's own code for longer than "
                + limitMillis
                + " ms, the limit, was interrupted, and was then given up");
    if (TELLING.equals(call.task)) {
      finishTelling();
    }
    if (call.task != null || !startQuarantine()) {
      return () -> Faults.log(LOG, ERROR, text, null);
    }
    return () -> {
      Faults.log(LOG, ERROR, text + consequence(), null);
      tellAside(text);
    };
  }

  /** Tells it from another thread, since the filter hangs already and the watcher must not. */
  private void tellAside(String text) {
    try {
      stacks.notices.execute(
          () -> {
            if (call(TELLING, () -> filter.quarantined(text))) {
              finishTelling();
            }
          });
    } catch (Throwable fault) {
      synchronized (this) {
        // It can't be told, so nothing may go past it.
        state = State.FAILED;
      }
      String second = recordFault("quarantined", "could not be told: " + OneLine.of(fault));
      told.countDown();
      Faults.log(LOG, ERROR, second, fault);
    }
  }

  /** Tells the filter, once and from a thread of its own, that its device is lost. */
  void tellLoss(String reason) {
    if (!lossTold.compareAndSet(false, true)) {
      return;
    }
    try {
      stacks.notices.execute(() -> tellLossNow(reason));
    } catch (Throwable fault) {
      Faults.log(LOG, ERROR, recordFault("deviceLost", OneLine.of(fault)), fault);
    }
  }

  private void tellLossNow(String reason) {
    CallStack stack = stacks.mine();
    Passage passage;
    try {
      passage = stack.enter(commands);
    } catch (ErrnoException e) {
      // It has left meanwhile.
      return;
    }
    try {
      // One that hung is in the log; nobody waits for this thread.
      boolean unused = call("deviceLost", () -> filter.deviceLost(reason));
    } finally {
      stack.leave(passage);
    }
  }

  /**
   * @param what the operation, and what became of it
   */
  private String recordFault(String what, String why) {
    faultCount.increment();
    String text = "filter " + name() + " on device " + device + ": " + what + ": " + why;
    lastFault = text;
    return text;
  }

  /**
   * Puts the filter aside for what is no fault of its own: its bundle is gone.
   *
   * @param reason what happened
   */
  void putAside(String reason) {
    synchronized (this) {
      lastFault = "filter " + name() + " on device " + device + ": " + OneLine.ofText(reason);
      if (state == State.ATTACHED) {
        state = onError == OnError.BYPASS ? State.BYPASSED : State.FAILED;
        // There is nobody left to be told.
        told.countDown();
      }
    }
    LOG.log(WARNING, "{0}; its state is {1} until it is detached", lastFault, stateName());
  }

  /** What attaches an equal filter in the same place, given what attached this one. */
  AttachRequest again(AttachRequest old) {
    return new AttachRequest(
        old.device(),
        name(),
        OptionalInt.of(altitude),
        old.onError(),
        old.callLimit(),
        options(old.options()));
  }

  /** What makes an equal filter; what it was attached with if it is at fault in saying so. */
  private Map<String, String> options(Map<String, String> attached) {
    try {
      return Map.copyOf(filter.options(attached));
    } catch (Throwable fault) {
      controlFault("options", fault);
      return attached;
    }
  }

  /** The error of a bio that a failed filter stands in the way of. */
  ErrnoException failure() {
    return new ErrnoException(Errno.EIO, lastFault + ": detach it to let the device go on");
  }

  /**
   * Runs a command, or says no for a filter that is leaving.
   *
   * @throws ErrnoException ENOTTY or EINVAL for what is not declared; ENOENT if the filter has
   *     left; what the filter throws
   */
  Map<String, Object> ctl(String command, List<String> arguments) throws ErrnoException {
    terms.checkCommand(command, arguments, "filter ctl " + device + " " + name());
    int stripe;
    try {
      stripe = commands.enter();
    } catch (ErrnoException e) {
      throw new ErrnoException(
          Errno.ENOENT, "filter ctl " + device + " " + name() + ": the filter is detached", e);
    }
    try {
      return filter.ctl(command, arguments);
    } catch (ErrnoException e) {
      throw e;
    } catch (Throwable fault) {
      throw controlFault("command " + OneLine.of(command), fault);
    } finally {
      commands.exit(stripe);
    }
  }

  /**
   * Asks the filter whether it can leave. A fault in the answer keeps it only while it works: one
   * in quarantine must be detachable.
   */
  void checkDetach() throws ErrnoException {
    try {
      filter.checkDetach();
    } catch (ErrnoException e) {
      throw e;
    } catch (Throwable fault) {
      ErrnoException error = controlFault("checkDetach", fault);
      if (state == State.ATTACHED) {
        throw error;
      }
    }
  }

  /**
   * Tells the filter that it has left.
   *
   * @throws ErrnoException EIO if it throws; it has left all the same
   */
  void detach() throws ErrnoException {
    if (state != State.ATTACHED) {
      awaitTold(TELL_LIMIT.plus(TELL_SLACK).toNanos());
    }
    try {
      filter.detach();
    } catch (Throwable fault) {
      throw controlFault("detach (it has left the device all the same)", fault);
    }
  }

  /**
   * Takes down a fault in a call that is not on the data path. It is counted and logged, but does
   * not quarantine the filter: no bio was touched, and a mistyped command must not fail a device.
   */
  private ErrnoException controlFault(String operation, Throwable fault) {
    String text = recordFault(operation + " failed", OneLine.of(fault));
    Faults.log(LOG, ERROR, text, fault);
    return new ErrnoException(Errno.EIO, text, fault);
  }

  private String stateName() {
    State shown = state == State.TELLING ? State.BYPASSED : state;
    return shown.name().toLowerCase(Locale.ROOT);
  }

  ChainEntry chainEntry() {
    return new ChainEntry(
        name(),
        altitude,
        onError,
        stateName(),
        bioCount.sum() + stacks.uncounted(bioCount),
        errorCount.sum(),
        faultCount.sum(),
        lastFault,
        latency.summary(),
        entry.provider().label());
  }
}
