package io.sluice.shell.command;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.shell.backup.BackupFile;
import io.sluice.shell.backup.BackupFormat;
import io.sluice.shell.backup.BackupJob;
import io.sluice.shell.backup.BackupKind;
import io.sluice.shell.backup.BackupPoint;
import io.sluice.shell.backup.BackupRequest;
import io.sluice.shell.backup.RestoreJob;
import io.sluice.shell.backup.Verification;
import io.sluice.shell.backup.Work;
import io.sluice.shell.tool.ByteSize;
import io.sluice.shell.tool.Session;
import java.nio.file.Path;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code backup}: chains of backups in a directory. */
@Command(
    name = "backup",
    description = "Back devices up into a directory, and bring them back.",
    subcommands = {
      BackupCommands.Full.class,
      BackupCommands.Incremental.class,
      BackupCommands.Restore.class,
      BackupCommands.Verify.class,
      BackupCommands.ListAll.class
    })
final class BackupCommands {
  private static final String DIRECTORY = "The directory of the backups.";

  private BackupCommands() {}

  /** A device in a point, as a line of a table. */
  private record Row(BackupPoint point, BackupFile file) {
    static List<Row> of(List<BackupPoint> points) {
      List<Row> rows = new ArrayList<>();
      for (BackupPoint point : points) {
        point.files().forEach(file -> rows.add(new Row(point, file)));
      }
      return rows;
    }
  }

  private static final Table<Row> TABLE =
      new Table<Row>()
          .number("POINT", row -> row.point.point())
          .text("TAKEN", row -> row.point.takenAt().truncatedTo(ChronoUnit.SECONDS))
          .text("DEVICE", row -> row.file.device())
          .text("KIND", row -> Words.lower(row.file.kind()))
          .number("BASE", row -> row.file.basePoint() == 0 ? "" : row.file.basePoint())
          .number("SIZE", row -> ByteSize.human(row.file.sizeBytes()))
          .number("COPIED", row -> ByteSize.human(row.file.copiedBytes()))
          .text("COMPARED", row -> row.file.compared() ? "equal" : "no")
          .text("FILE", row -> row.file.file());

  private static final Table<Verification.Check> CHECKS =
      new Table<Verification.Check>()
          .number("POINT", Verification.Check::point)
          .text("DEVICE", Verification.Check::device)
          .number("BYTES", check -> ByteSize.human(check.fileBytes()))
          .text("FILE", Verification.Check::file)
          .text("STATE", check -> check.good() ? "good" : check.problem());

  /** A caller of long work. */
  private static Work work(Session session) {
    session.beginWork();
    return new Work() {
      @Override
      public boolean goesOn() {
        return session.goesOn();
      }

      @Override
      public void progress(String text) {
        session.progress(text);
      }
    };
  }

  /** What full and incremental backups have in common. */
  abstract static class Make extends AgentCommand {
    @Parameters(
        arity = "2..*",
        paramLabel = "DEV… DIRECTORY",
        description =
            "The devices, cut at one instant, and the directory; it is made if it is missing.")
    List<String> words = List.of();

    @Option(
        names = "--store",
        paramLabel = "KIND:ARG",
        description = "Difference storage meanwhile; default an unnamed file in the directory.")
    StoreSpec store;

    @Option(
        names = "--limit",
        paramLabel = "SIZE",
        description = "How far the store may grow; default the sum of the devices' sizes.")
    ByteSize limit = new ByteSize(0);

    @Option(
        names = "--freeze",
        paramLabel = "MOUNTPOINT",
        description = "Freeze the file system mounted there for the cut; may be repeated.")
    List<String> freeze = List.of();

    @Option(
        names = "--format",
        paramLabel = "qcow2|raw",
        description = "Format of full backups; increments are qcow2. Default qcow2.")
    BackupFormat format = BackupFormat.QCOW2;

    @Option(names = "--no-compare", description = "Do not compare what was made with the image.")
    boolean noCompare;

    private final BackupKind kind;

    Make(BackupKind kind) {
      this.kind = kind;
    }

    @Override
    Answer run() throws Exception {
      int last = words.size() - 1;
      String directory = session().path(words.get(last));
      StoreSpec diff = store == null ? new StoreSpec("dir", directory) : store;
      BackupPoint point =
          new BackupJob(services(), work(session()))
              .run(
                  new BackupRequest(
                      names().devices(words.subList(0, last)),
                      Path.of(directory),
                      kind,
                      format,
                      diff.kind(),
                      diff.argument(session()),
                      limit.bytes(),
                      freeze.stream().map(session()::path).toList(),
                      !noCompare));
      return Answer.of(
          point,
          out -> {
            TABLE.print(Row.of(List.of(point)), out);
            for (BackupFile file : point.files()) {
              if (!file.reason().isEmpty()) {
                out.println(file.device() + ": a full backup was made: " + file.reason());
              }
            }
          });
    }
  }

  @Command(
      name = "full",
      description = {
        "Snapshot the devices at one instant and copy them whole into the directory,",
        "as a new point; the snapshot is gone when that is done. Ctrl-C gives it up."
      })
  static final class Full extends Make {
    Full() {
      super(BackupKind.FULL);
    }
  }

  @Command(
      name = "incremental",
      description = {
        "The same, copying what has changed since the last point of each device. A device",
        "without a base that holds is copied whole, and the reason is told."
      })
  static final class Incremental extends Make {
    Incremental() {
      super(BackupKind.INCREMENTAL);
    }
  }

  @Command(
      name = "restore",
      description = "Bring a device of a point back, into a new file or onto a live device.")
  static final class Restore extends AgentCommand {
    @Parameters(index = "0", paramLabel = "DIRECTORY", description = DIRECTORY)
    String directory;

    @Parameters(
        index = "1",
        arity = "0..1",
        paramLabel = "FILE",
        description = "The file to make; or use --onto.")
    String file;

    @Option(
        names = "--onto",
        paramLabel = "DEV",
        description = "Overwrite this live device, of the same size, through its filters.")
    String onto;

    @Option(
        names = "--point",
        paramLabel = "N",
        description = "Which point; default the last that has the device.")
    int point;

    @Option(
        names = "--device",
        paramLabel = "NAME",
        description = "Which device of the point, if it has several.")
    String device = "";

    @Option(
        names = "--format",
        paramLabel = "qcow2|raw",
        description = "Format of the file; default raw.")
    BackupFormat format = BackupFormat.RAW;

    @Option(names = "--no-compare", description = "Do not compare the result with the backup.")
    boolean noCompare;

    @Override
    Answer run() throws Exception {
      if ((file == null) == (onto == null)) {
        throw usage("give a FILE to make, or --onto DEV");
      }
      if (point < 0) {
        throw usage("--point " + point + ": points are numbered from 1");
      }
      Path from = Path.of(session().path(directory));
      RestoreJob job = new RestoreJob(services(), work(session()));
      BackupFile restored =
          onto != null
              ? job.onto(from, point, device, names().device(onto), !noCompare)
              : job.toFile(from, point, device, Path.of(session().path(file)), format, !noCompare);
      return Answer.quiet(restored);
    }
  }

  @Command(
      name = "verify",
      description = {
        "Check every file of the directory: checksum, consistency, and that it lies on its base.",
        "Fails with EIO if one is damaged, and names it."
      })
  static final class Verify extends AgentCommand {
    @Parameters(paramLabel = "DIRECTORY", description = DIRECTORY)
    String directory;

    @Override
    Answer run() throws Exception {
      List<Verification.Check> checks =
          new Verification(work(session())).run(Path.of(session().path(directory)));
      List<Verification.Check> bad = checks.stream().filter(check -> !check.good()).toList();
      if (!bad.isEmpty()) {
        throw new ErrnoException(
            Errno.EIO,
            bad.stream()
                .map(check -> check.file() + ": " + check.problem())
                .collect(
                    Collectors.joining(
                        "; ", bad.size() + " of " + checks.size() + " files are damaged: ", "")));
      }
      return Answer.table(checks, CHECKS);
    }
  }

  @Command(name = "list", description = "List the points of a directory, and what is in them.")
  static final class ListAll extends AgentCommand {
    @Parameters(paramLabel = "DIRECTORY", description = DIRECTORY)
    String directory;

    @Override
    Answer run() throws Exception {
      List<BackupPoint> points = Verification.points(Path.of(session().path(directory)));
      return Answer.of(Map.of("points", points), out -> TABLE.print(Row.of(points), out));
    }
  }
}
