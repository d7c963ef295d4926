package io.sluice.registry;

import static java.lang.System.Logger.Level.ERROR;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.Arguments;
import io.sluice.filter.AttachRequest;
import io.sluice.filter.CtlCommand;
import io.sluice.filter.FilterOperations;
import io.sluice.filter.OnError;
import io.sluice.filter.Parameter;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * On what terms a filter is on a device: what the request says, and where it is silent, what the
 * filter declares. Asked once, before the device is frozen.
 *
 * @param altitude its place in the chain
 * @param onError what a fault does to the device
 * @param callLimit how long a bio may stay in the filter's own code
 * @param options what it was attached with
 * @param parameters the options it takes
 * @param commands the control commands it takes
 */
record Terms(
    int altitude,
    OnError onError,
    Duration callLimit,
    Map<String, String> options,
    List<Parameter> parameters,
    List<CtlCommand> commands) {
  /** Below this, a busy machine alone would put filters aside. */
  static final Duration CALL_LIMIT_MIN = Duration.ofMillis(10);

  static final Duration CALL_LIMIT_MAX = Duration.ofDays(365);

  private static final System.Logger LOG = System.getLogger("io.sluice.registry");

  /**
   * Asks the filter. Nothing is checked yet.
   *
   * @param task for errors
   * @throws ErrnoException EIO if the filter fails to answer
   */
  static Terms of(FilterTable.Entry entry, AttachRequest request, String task)
      throws ErrnoException {
    FilterOperations operations = entry.operations();
    try {
      return new Terms(
          request.altitude().orElse(entry.altitude()),
          request.onError(),
          request.callLimit().orElseGet(operations::callLimit),
          request.options(),
          List.copyOf(operations.options()),
          List.copyOf(operations.commands()));
    } catch (Throwable fault) {
      String text = task + ": the filter failed to say what it takes: " + OneLine.of(fault);
      Faults.log(LOG, ERROR, text, fault);
      throw new ErrnoException(Errno.EIO, text, fault);
    }
  }

  /**
   * Checks what was asked for.
   *
   * @throws ErrnoException EINVAL for options that the filter does not take, or for a call limit
   *     out of range
   */
  void check(String task) throws ErrnoException {
    Arguments.ofOptions(task, parameters, options);
    if (callLimit == null
        || callLimit.compareTo(CALL_LIMIT_MIN) < 0
        || callLimit.compareTo(CALL_LIMIT_MAX) > 0) {
      throw new ErrnoException(
          Errno.EINVAL,
          task
              + ": the call limit "
              + callLimit
              + " is not from "
              + CALL_LIMIT_MIN.toMillis()
              + " ms to "
              + CALL_LIMIT_MAX.toDays()
              + " days");
    }
  }

  /**
   * Checks a control command before the filter sees it.
   *
   * @param task for errors
   * @throws ErrnoException ENOTTY for one that is not declared, EINVAL for its arguments
   */
  void checkCommand(String command, List<String> arguments, String task) throws ErrnoException {
    for (CtlCommand declared : commands) {
      if (declared.name().equals(command)) {
        Arguments.ofWords(task + " " + command, declared.parameters(), arguments);
        return;
      }
    }
    String known =
        commands.isEmpty()
            ? "the filter takes none"
            : "it takes " + String.join(", ", commands.stream().map(CtlCommand::name).toList());
    throw new ErrnoException(
        Errno.ENOTTY, task + ": there is no command \"" + OneLine.of(command) + "\"; " + known);
  }
}
