package io.sluice.shell.command;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.shell.tool.ByteSize;
import io.sluice.shell.tool.Session;
import io.sluice.snapshot.SnapshotControl;
import io.sluice.snapshot.SnapshotEvent;
import io.sluice.snapshot.SnapshotInfo;
import io.sluice.snapshot.SnapshotRequest;
import io.sluice.snapshot.TakeRequest;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code snapshot}: coherent copy-on-write snapshots. */
@Command(
    name = "snapshot",
    description = "Create, take and destroy snapshots.",
    subcommands = {
      SnapshotCommands.Create.class,
      SnapshotCommands.Add.class,
      SnapshotCommands.Take.class,
      SnapshotCommands.Info.class,
      SnapshotCommands.ListAll.class,
      SnapshotCommands.WaitEvent.class,
      SnapshotCommands.Destroy.class
    })
final class SnapshotCommands {
  private static final String SNAP = "A snapshot's id or name.";
  private static final String DEV = "A device's name, or a path that leads to it.";

  /** The options of a snapshot to be. */
  static final class NewSnapshot {
    @Option(
        names = "--limit",
        paramLabel = "SIZE",
        description = "How far the store may grow; default the sum of the devices' sizes.")
    ByteSize limit = new ByteSize(0);

    @Option(
        names = "--chunk-size",
        paramLabel = "SIZE",
        description = "Unit of copy-on-write: a power of two from 4K; default by device size.")
    ByteSize chunkSize = new ByteSize(0);

    @Option(names = "--name", paramLabel = "S", description = "A name beside the id.")
    String name = "";

    UUID create(AgentCommand command, StoreSpec store, List<String> devices) throws ErrnoException {
      Session session = command.session();
      return command
          .services()
          .snapshots()
          .create(
              new SnapshotRequest(
                  command.names().devices(devices),
                  store.kind(),
                  store.argument(session),
                  limit.bytes(),
                  Limits.intBytes("--chunk-size", chunkSize),
                  name));
    }
  }

  @Command(
      name = "create",
      description = "Open the store and make a snapshot of the devices, not yet taken.")
  static final class Create extends AgentCommand {
    @Parameters(arity = "0..*", paramLabel = "DEV", description = DEV + " May be added later.")
    List<String> devices = List.of();

    @Option(
        names = "--store",
        required = true,
        paramLabel = "KIND:ARG",
        description = "Difference storage: file:PATH, dir:PATH, blockdev:PATH, tmpfs:SIZE.")
    StoreSpec store;

    @Mixin NewSnapshot options;

    @Override
    Answer run() throws Exception {
      UUID id = options.create(this, store, devices);
      return Answer.line(id.toString(), services().snapshots().info(id));
    }
  }

  @Command(name = "add", description = "Add a device to a snapshot that is not taken yet.")
  static final class Add extends AgentCommand {
    @Parameters(index = "0", paramLabel = "ID", description = SNAP)
    String snapshot;

    @Parameters(index = "1", paramLabel = "DEV", description = DEV)
    String device;

    @Override
    Answer run() throws Exception {
      UUID id = names().snapshot(snapshot);
      services().snapshots().add(id, names().device(device));
      return Answer.quiet(services().snapshots().info(id));
    }
  }

  @Command(
      name = "take",
      description = {
        "Cut all devices of a snapshot at one instant and publish their images.",
        "With --store: create a snapshot of the devices and take it, in one step."
      })
  static final class Take extends AgentCommand {
    @Parameters(
        arity = "1..*",
        paramLabel = "ID|DEV",
        description = "A snapshot's id or name; with --store, the devices.")
    List<String> words = List.of();

    @Option(
        names = "--store",
        paramLabel = "KIND:ARG",
        description = "Difference storage: file:PATH, dir:PATH, blockdev:PATH, tmpfs:SIZE.")
    StoreSpec store;

    @Option(
        names = "--freeze",
        paramLabel = "MOUNTPOINT",
        description = "Freeze the file system mounted there for the cut; may be repeated.")
    List<String> freeze = List.of();

    @Option(
        names = "--no-freeze",
        description =
            "Leave alone what is mounted on the devices; else it is found, and frozen for the cut.")
    boolean noFreeze;

    @Mixin NewSnapshot options;

    @Override
    Answer run() throws Exception {
      SnapshotInfo taken = store == null ? takeCreated() : createAndTake();
      return Answer.line(taken.id().toString(), taken);
    }

    private TakeRequest request(UUID id) {
      return new TakeRequest(id, freeze.stream().map(session()::path).toList(), !noFreeze);
    }

    private SnapshotInfo takeCreated() throws ErrnoException {
      if (words.size() > 1) {
        throw usage(words.size() + " words: give one id, or devices with --store KIND:ARG");
      }
      return services().snapshots().take(request(names().snapshot(words.get(0))));
    }

    private SnapshotInfo createAndTake() throws ErrnoException {
      SnapshotControl snapshots = services().snapshots();
      UUID id = options.create(this, store, words);
      try {
        return snapshots.take(request(id));
      } catch (ErrnoException failed) {
        // One step: nothing stays behind.
        try {
          snapshots.destroy(id);
        } catch (ErrnoException e) {
          failed.addSuppressed(e);
        }
        throw failed;
      }
    }
  }

  @Command(name = "info", description = "Show one snapshot.")
  static final class Info extends AgentCommand {
    @Parameters(paramLabel = "ID", description = SNAP)
    String snapshot;

    @Override
    Answer run() throws Exception {
      SnapshotInfo info = services().snapshots().info(names().snapshot(snapshot));
      return Answer.of(info, new SnapshotSheet(info));
    }
  }

  @Command(name = "list", description = "List the snapshots, in the order of their creation.")
  static final class ListAll extends AgentCommand {
    @Override
    Answer run() throws Exception {
      return Answer.table(services().snapshots().list(), SnapshotSheet.TABLE);
    }
  }

  @Command(name = "wait-event", description = "Wait for a snapshot's next event and consume it.")
  static final class WaitEvent extends AgentCommand {
    /** One wait of the service; without a limit of the user's, it is repeated. */
    private static final Duration ROUND = Duration.ofHours(1);

    @Parameters(paramLabel = "ID", description = SNAP)
    String snapshot;

    @Option(
        names = "--timeout",
        paramLabel = "MS",
        description = "Give up after so many milliseconds; default never.")
    Long timeoutMs;

    @Override
    Answer run() throws Exception {
      UUID id = names().snapshot(snapshot);
      SnapshotControl snapshots = services().snapshots();
      SnapshotEvent event = session().await(() -> next(snapshots, id));
      return Answer.of(event, new SnapshotSheet.EventSheet(event));
    }

    private SnapshotEvent next(SnapshotControl snapshots, UUID id) throws ErrnoException {
      if (timeoutMs != null) {
        if (timeoutMs < 0) {
          throw usage("--timeout " + timeoutMs + ": give 0 or more");
        }
        return snapshots
            .waitEvent(id, Duration.ofMillis(timeoutMs))
            .orElseThrow(
                () ->
                    new ErrnoException(
                        Errno.ETIMEDOUT,
                        "no event of snapshot " + id + " in " + timeoutMs + " ms"));
      }
      Optional<SnapshotEvent> event;
      do {
        event = snapshots.waitEvent(id, ROUND);
      } while (event.isEmpty());
      return event.get();
    }
  }

  @Command(
      name = "destroy",
      description = "End a snapshot: its images answer EIO, and its store is let go.")
  static final class Destroy extends AgentCommand {
    @Parameters(paramLabel = "ID", description = SNAP)
    String snapshot;

    @Override
    Answer run() throws Exception {
      UUID id = names().snapshot(snapshot);
      services().snapshots().destroy(id);
      return Answer.quiet(Map.of("destroyed", id));
    }
  }
}
