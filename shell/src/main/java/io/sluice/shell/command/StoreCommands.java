package io.sluice.shell.command;

import io.sluice.shell.tool.ByteSize;
import io.sluice.shell.tool.Session;
import io.sluice.snapshot.MoveProgress;
import io.sluice.snapshot.SnapshotInfo;
import io.sluice.snapshot.StoreRequest;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code store}: the difference storage of snapshots. */
@Command(
    name = "store",
    description = "List the stores of snapshots, add to them, move them, while in use.",
    subcommands = {StoreCommands.ListAll.class, StoreCommands.Add.class, StoreCommands.Move.class})
final class StoreCommands {
  private static final String SNAP = "A snapshot's id or name.";
  private static final String STORE =
      "Difference storage: file:PATH, dir:PATH, blockdev:PATH, tmpfs:SIZE.";

  private StoreCommands() {}

  /** The options of a store to be. */
  static final class NewStore {
    @Option(
        names = "--limit",
        paramLabel = "SIZE",
        description = "How far it may grow; default all that the devices can need.")
    ByteSize limit = new ByteSize(0);

    StoreRequest request(StoreSpec store, Session session) {
      return new StoreRequest(store.kind(), store.argument(session), limit.bytes());
    }
  }

  @Command(
      name = "list",
      description = "List the stores of all snapshots, or of one, in the order they are filled.")
  static final class ListAll extends AgentCommand {
    @Parameters(arity = "0..1", paramLabel = "ID", description = SNAP + " Default all.")
    String snapshot;

    @Override
    Answer run() throws Exception {
      List<SnapshotInfo> snapshots =
          snapshot == null
              ? services().snapshots().list()
              : List.of(services().snapshots().info(names().snapshot(snapshot)));
      List<StoreFill> fills = snapshots.stream().map(StoreFill::of).toList();
      return Answer.of(fills, out -> StoreFill.TABLE.print(StoreFill.rows(fills), out));
    }
  }

  @Command(
      name = "add",
      description =
          "Give a snapshot one more store, which is filled when the present ones are full.")
  static final class Add extends AgentCommand {
    @Parameters(index = "0", paramLabel = "ID", description = SNAP)
    String snapshot;

    @Parameters(index = "1", paramLabel = "KIND:ARG", description = STORE)
    StoreSpec store;

    @Mixin NewStore options;

    @Override
    Answer run() throws Exception {
      UUID id = names().snapshot(snapshot);
      services().snapshots().addStore(id, options.request(store, session()));
      return Answer.quiet(services().snapshots().info(id));
    }
  }

  @Command(
      name = "move",
      description = {
        "Move all that is in a snapshot's stores into another, which takes their place;",
        "the snapshot is used meanwhile. Ctrl-C gives it up, and all is as before."
      })
  static final class Move extends AgentCommand {
    @Parameters(index = "0", paramLabel = "ID", description = SNAP)
    String snapshot;

    @Parameters(index = "1", paramLabel = "KIND:ARG", description = STORE)
    StoreSpec store;

    @Mixin NewStore options;

    @Override
    Answer run() throws Exception {
      UUID id = names().snapshot(snapshot);
      session().beginWork();
      services()
          .snapshots()
          .moveStores(
              id, options.request(store, session()), new Progress(session(), System::nanoTime));
      return Answer.quiet(services().snapshots().info(id));
    }
  }

  /** Tells the caller how far a move has come, five times a second at most, while he is there. */
  static final class Progress implements MoveProgress {
    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(200);

    private final Session session;
    private final LongSupplier nanos;
    private long nextNanos;

    Progress(Session session, LongSupplier nanos) {
      this.session = session;
      this.nanos = nanos;
      this.nextNanos = nanos.getAsLong();
    }

    @Override
    public boolean moved(long doneBytes, long totalBytes) {
      long now = nanos.getAsLong();
      if (now - nextNanos >= 0) {
        nextNanos = now + PAUSE_NANOS;
        session.progress(text(doneBytes, totalBytes));
      }
      return session.goesOn();
    }

    private static String text(long doneBytes, long totalBytes) {
      double percent = totalBytes <= 0 ? 100 : Math.min(100, 100.0 * doneBytes / totalBytes);
      return String.format(
          Locale.ROOT,
          "moved %s of %s, %.0f%%",
          ByteSize.human(doneBytes),
          ByteSize.human(totalBytes),
          percent);
    }
  }
}
