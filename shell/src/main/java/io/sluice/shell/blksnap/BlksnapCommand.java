package io.sluice.shell.blksnap;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.shell.blksnap.ProgramOptions.Unfit;
import io.sluice.shell.blksnap.ProgramOptions.Values;
import io.sluice.shell.tool.Json;
import io.sluice.shell.tool.Names;
import io.sluice.shell.tool.Services;
import io.sluice.shell.tool.Session;
import io.sluice.shell.tool.Uuids;
import io.sluice.snapshot.CbtInfo;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** One command of the tool: its options, and what it does. Stateless. */
abstract class BlksnapCommand {
  private final String name;
  private final String usage;
  private final ProgramOptions options = new ProgramOptions();

  /**
   * @param usage what the tool's help says of it
   */
  BlksnapCommand(String name, String usage) {
    this.name = name;
    this.usage = usage;
  }

  final String name() {
    return name;
  }

  final ProgramOptions options() {
    return options;
  }

  final BlksnapCommand device() {
    options.one("device", 'd', "Device name.");
    return this;
  }

  final BlksnapCommand id() {
    options.one("id", 'i', "Snapshot uuid.");
    return this;
  }

  final BlksnapCommand json() {
    options.flag("json", 'j', "Use json format for output.");
    return this;
  }

  /** The help of this command: a sentence, the options, an empty line. */
  final String help() {
    return usage + "\n" + options.describe() + "\n";
  }

  /** Does it. */
  abstract void run(Call call) throws Unfit, IOException;

  /** One call of a command. */
  record Call(Services services, Session session, Values values) {
    void print(String line) {
      session.out().print(line + "\n");
    }

    boolean json() {
      return values.has("json");
    }

    void printJson(Map<String, Object> data) throws IOException {
      Json.write(data, session.out());
    }

    /** The device that {@code --device} means. */
    String device() throws Unfit, ErrnoException {
      return device(values.one("device"));
    }

    String device(String path) throws ErrnoException {
      try {
        return new Names(services, session).device(path);
      } catch (ErrnoException e) {
        throw failed("Failed to open block device [" + path + "]", e);
      }
    }

    /** Tracking of a device; one without a tracker is ENOENT to this tool, as to the original. */
    CbtInfo tracked(String device) throws ErrnoException {
      try {
        return services.tracking().info(device);
      } catch (ErrnoException e) {
        throw e.errno() == Errno.ESRCH ? new ErrnoException(Errno.ENOENT, e.text(), e) : e;
      }
    }

    /** The snapshot that {@code --id} means. */
    UUID id() throws Unfit, ErrnoException {
      return Uuids.parse(values.one("id"));
    }

    List<String> devices() throws Unfit {
      return values.has("device") ? values.many("device") : List.of();
    }
  }

  /**
   * A failure in the tool's words: what failed, then the C library's words for the errno, then, on
   * a line of its own, what is known here.
   */
  static ErrnoException failed(String what, ErrnoException e) {
    return new ErrnoException(
        e.errno(), what + ": " + StrError.of(e.errno()) + "\n" + e.getMessage(), e);
  }
}
