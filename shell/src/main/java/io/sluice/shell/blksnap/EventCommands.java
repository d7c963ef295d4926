package io.sluice.shell.blksnap;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.shell.blksnap.ProgramOptions.Unfit;
import io.sluice.snapshot.SnapshotControl;
import io.sluice.snapshot.SnapshotEvent;
import java.io.IOException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** The tool's commands that wait for a snapshot's events. */
final class EventCommands {
  private static final int SECTORS_OF_MIB = 2048;

  private EventCommands() {}

  /** {@code snapshot_waitevent}. */
  static final class WaitEvent extends BlksnapCommand {
    private final TimeLabel times;

    WaitEvent(TimeLabel times) {
      super("snapshot_waitevent", "Wait and read event from snapshot.");
      this.times = times;
      id();
      options().one("timeout", 't', "The allowed waiting time for the event in milliseconds.");
      json();
    }

    @Override
    void run(Call call) throws Unfit, IOException {
      UUID id = call.id();
      Duration timeout = timeout(call.values().one("timeout"));
      SnapshotControl snapshots = call.services().snapshots();
      Map<String, Object> data = new LinkedHashMap<>();
      try {
        Optional<SnapshotEvent> event =
            call.session().await(() -> snapshots.waitEvent(id, timeout));
        data.put("result", event.isPresent() ? "ok" : "timeout");
        if (event.isPresent()) {
          data.put("time", times.of(event.get().at()));
          data.put("event", event.get().code().name().toLowerCase(Locale.ROOT));
        }
      } catch (ErrnoException e) {
        data.put("result", result(e));
      }
      if (call.json()) {
        call.printJson(data);
      } else {
        data.forEach((name, value) -> call.print(name + "=" + value));
      }
    }

    private static String result(ErrnoException e) throws ErrnoException {
      return switch (e.errno()) {
        case EINTR -> "interrupted";
        case ESRCH -> "not found";
        default -> throw failed("Failed to get event from snapshot", e);
      };
    }

    private static Duration timeout(String text) throws ErrnoException {
      try {
        return Duration.ofMillis(Integer.parseUnsignedInt(text) & 0xffffffffL);
      } catch (NumberFormatException e) {
        throw new ErrnoException(
            Errno.EINVAL, "timeout \"" + text + "\": give milliseconds, 0 to 4294967295", e);
      }
    }
  }

  /** {@code snapshot_watcher}. */
  static final class Watcher extends BlksnapCommand {
    private static final Duration ROUND = Duration.ofHours(1);

    private final TimeLabel times;

    Watcher(TimeLabel times) {
      super("snapshot_watcher", "Start snapshot watcher service.");
      this.times = times;
      id();
    }

    @Override
    void run(Call call) throws Unfit, IOException {
      UUID id = call.id();
      SnapshotControl snapshots = call.services().snapshots();
      call.print("Start snapshot watcher.");
      boolean ended = false;
      while (!ended) {
        call.session().out().flush();
        try {
          Optional<SnapshotEvent> event =
              call.session().await(() -> snapshots.waitEvent(id, ROUND));
          ended = event.isPresent() && report(call, event.get());
        } catch (ErrnoException e) {
          ended = true;
          if (e.errno() == Errno.ESRCH) {
            call.print("Snapshot not found");
          } else if (e.errno() != Errno.EINTR) {
            String cause = failed("Failed to get event from snapshot", e).text();
            throw new ErrnoException(e.errno(), cause + "\nSnapshot watcher failed.", e);
          }
        }
      }
      call.print("Snapshot watcher finished");
    }

    /** Prints an event and tells whether it is the last one worth watching for. */
    private boolean report(Call call, SnapshotEvent event) {
      String start = times.of(event.at()) + " - ";
      return switch (event.code()) {
        case CORRUPTED -> {
          String error = StrError.of(Errno.ofNumber(event.errno()));
          call.print(
              start
                  + "The snapshot was corrupted for device ["
                  + event.device()
                  + "] with error \""
                  + error
                  + "\".");
          yield true;
        }
        case NO_SPACE -> {
          // The doubled word is the original's, and part of its output.
          call.print(
              start
                  + "The the difference storage already grow up to "
                  + event.requestedSectors() / SECTORS_OF_MIB
                  + " MiB. Limit has been reached.");
          yield false;
        }
      };
    }
  }
}
