package io.sluice.registry;

import static java.lang.System.Logger.Level.ERROR;
import static java.lang.System.Logger.Level.WARNING;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import io.sluice.block.StorageIdentity;
import io.sluice.filter.ChainEntry;
import io.sluice.filter.Filter;
import io.sluice.filter.FilterHost;
import io.sluice.filter.LatencySummary;
import io.sluice.filter.OnError;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;

/**
 * One filter on one device, whatever its neighbours in the chain are: the filter's calls, counters
 * and quarantine.
 */
final class AttachedFilter {
  /** What the filter may know of its device. */
  record Host(
      String deviceName, String originPath, StorageIdentity originIdentity, LowerDevice lower)
      implements FilterHost {}

  /** What the filter gets to do. */
  enum State {
    ATTACHED,
    BYPASSED,
    FAILED
  }

  private static final System.Logger LOG = System.getLogger("io.sluice.registry");

  final FilterTable.Entry entry;
  final Terms terms;
  final int altitude;
  final LowerDevice lower;

  /** The control commands that run; shut when the filter leaves. */
  final Gate commands;

  private final String device;
  private final OnError onError;
  private final Filter filter;

  /** As the entry's, in the form that is cheap to ask; never changed. */
  private final Set<BioOp> ops = EnumSet.noneOf(BioOp.class);

  private final LongAdder bioCount = new LongAdder();
  private final LongAdder errorCount = new LongAdder();
  private final LongAdder faultCount = new LongAdder();

  /** Leaves ATTACHED once, under this object's lock. */
  private volatile State state = State.ATTACHED;

  private volatile String lastFault = "";

  AttachedFilter(FilterTable.Entry entry, Terms terms, Host host, Filter filter) {
    this.entry = entry;
    this.terms = terms;
    this.altitude = terms.altitude();
    this.onError = terms.onError();
    this.device = host.deviceName();
    this.lower = host.lower();
    this.filter = filter;
    this.commands = new Gate("filter " + entry.name() + " on device " + device, 1);
    this.ops.addAll(entry.ops());
  }

  String name() {
    return entry.name();
  }

  State state() {
    return state;
  }

  boolean understands(BioOp op) {
    return ops.contains(op);
  }

  /** Hands one bio to the filter. What else than ErrnoException comes back is a fault. */
  void submit(Bio bio, BlockDevice next) throws ErrnoException {
    bioCount.increment();
    filter.submit(bio, next);
  }

  void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor, BlockDevice next)
      throws ErrnoException {
    filter.status(offsetBytes, lengthBytes, visitor, next);
  }

  void countError() {
    errorCount.increment();
  }

  /**
   * Takes a fault on the data path down and quarantines the filter.
   *
   * <p>Every Throwable is one, a VirtualMachineError too: passed up, it would end the thread of a
   * client that has done nothing, and a filter that was torn out of its work by it can't be trusted
   * with the next bio.
   *
   * @param operation what it was asked
   */
  void quarantine(String operation, Throwable fault) {
    String text = recordFault(operation, fault);
    boolean changed = false;
    synchronized (this) {
      if (state == State.ATTACHED) {
        state = onError == OnError.BYPASS ? State.BYPASSED : State.FAILED;
        changed = true;
      }
    }
    if (changed) {
      String consequence =
          onError == OnError.BYPASS
              ? "; I/O goes past it from now on"
              : "; the device fails all I/O until the filter is detached";
      Faults.log(LOG, ERROR, text + consequence, fault);
    }
  }

  private String recordFault(String operation, Throwable fault) {
    faultCount.increment();
    String text =
        "filter "
            + name()
            + " on device "
            + device
            + " failed in "
            + operation
            + ": "
            + OneLine.of(fault);
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
      }
    }
    LOG.log(WARNING, "{0}; its state is {1} until it is detached", lastFault, stateName());
  }

  /** What makes an equal filter; what it was attached with if it is at fault in saying so. */
  Map<String, String> options(Map<String, String> attached) {
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
    String text = recordFault(operation, fault);
    Faults.log(LOG, ERROR, text, fault);
    return new ErrnoException(Errno.EIO, text, fault);
  }

  private String stateName() {
    return state.name().toLowerCase(Locale.ROOT);
  }

  ChainEntry chainEntry() {
    return new ChainEntry(
        name(),
        altitude,
        onError,
        stateName(),
        bioCount.sum(),
        errorCount.sum(),
        faultCount.sum(),
        lastFault,
        LatencySummary.NONE,
        entry.provider().label());
  }
}
