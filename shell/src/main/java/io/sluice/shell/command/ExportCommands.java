package io.sluice.shell.command;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.export.ExportChange;
import io.sluice.export.ExportInfo;
import io.sluice.export.ExportRequest;
import io.sluice.export.ExportState;
import io.sluice.export.Exporter;
import io.sluice.export.RateLimit;
import io.sluice.export.RemovalMode;
import io.sluice.shell.tool.ByteSize;
import io.sluice.shell.tool.Services;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code export}: how devices and images reach clients. */
@Command(
    name = "export",
    description = "Serve devices and images to clients.",
    subcommands = {
      ExportCommands.Nbd.class,
      ExportCommands.Fuse.class,
      ExportCommands.Loop.class,
      ExportCommands.ListAll.class,
      ExportCommands.Set.class,
      ExportCommands.Allow.class,
      ExportCommands.Remove.class
    })
final class ExportCommands {
  private static final String WHAT =
      "A device's name or path, or an image, DEV@SNAP with SNAP an id or a name.";

  private static final String WHAT_OR_CHANGES =
      WHAT
          + " DEV@SNAP..BASE is the image with a dirty bitmap of what changed since BASE, a held"
          + " snapshot or GENERATION:NUMBER.";

  static final Table<ExportInfo> TABLE =
      new Table<ExportInfo>()
          .text("NAME", ExportInfo::name)
          .text("KIND", ExportInfo::kind)
          .text("DEVICE", ExportInfo::device)
          .text("RO", e -> e.readOnly() ? "yes" : "no")
          .text("AUTO", e -> e.automatic() ? "yes" : "no")
          .number("CLIENTS", ExportInfo::clientCount)
          .text("POLICY", ExportCommands::policy)
          .text("ADDRESS", e -> String.join(" ", e.addresses()))
          .text("DESCRIPTION", ExportInfo::description);

  /** What is out of the ordinary with an export, in the words of the options that ask for it. */
  private static String policy(ExportInfo info) {
    List<String> words = new ArrayList<>();
    if (info.state() != ExportState.SERVED) {
      words.add(Words.lower(info.state()));
    }
    RateLimit limit = info.limit();
    if (limit.operationsPerSecond() > 0) {
      words.add("iops=" + limit.operationsPerSecond());
    }
    if (limit.bytesPerSecond() > 0) {
      words.add("bandwidth=" + ByteSize.human(limit.bytesPerSecond()));
    }
    new TreeMap<>(info.options()).forEach((key, value) -> words.add(key + "=" + value));
    return String.join(",", words);
  }

  /** How fast an export's clients may be. */
  static final class Limit {
    @Option(
        names = "--iops",
        paramLabel = "N",
        description = "The most requests a second, of all its clients together; 0 for any number.")
    Long operationsPerSecond;

    @Option(
        names = "--bandwidth",
        paramLabel = "SIZE",
        description = "The most bytes a second, of all its clients together; 0 for any number.")
    ByteSize bytesPerSecond;

    /** What was given, and for the rest what holds. */
    RateLimit over(RateLimit now) {
      return new RateLimit(
          bytesPerSecond == null ? now.bytesPerSecond() : bytesPerSecond.bytes(),
          operationsPerSecond == null ? now.operationsPerSecond() : operationsPerSecond);
    }

    void check(AgentCommand command) {
      if (operationsPerSecond != null && operationsPerSecond < 0) {
        throw command.usage("--iops " + operationsPerSecond + ": must not be negative");
      }
    }
  }

  /** As an exporter of files names them: a path as the caller means it, absolute. */
  private static String name(AgentCommand command, String word) {
    return word.contains("/") && !word.startsWith("/") ? command.session().path(word) : word;
  }

  /** Who may have an NBD export. */
  static final class Terms {
    @Option(
        names = "--tls",
        paramLabel = "required|allowed",
        description = "Whether it is to be had, and seen, through TLS only; default allowed.")
    String tls;

    @Option(
        names = "--allow",
        paramLabel = "RULE",
        split = ",",
        description = {
          "Whom it is for, of those that export allow lets in; repeat it or use commas.",
          "A RULE is any, user:NAME, address:NETWORK/BITS or cert:PATTERN, or several with + between."
        })
    List<String> allow = List.of();

    /** What was given, over what holds. */
    Map<String, String> over(Map<String, String> now) {
      Map<String, String> options = new TreeMap<>(now);
      if (tls != null) {
        options.put("tls", tls);
      }
      if (!allow.isEmpty()) {
        options.put("allow", String.join(",", allow));
      }
      return options;
    }
  }

  /**
   * The export of that name; one that was added rather than another.
   *
   * @param kind of this kind, or null for any
   */
  private static ExportInfo find(Services services, String name, String kind)
      throws ErrnoException {
    ExportInfo found = null;
    for (Exporter exporter : services.exporters()) {
      if (kind == null || exporter.kind().equals(kind)) {
        for (ExportInfo info : exporter.list()) {
          if (info.name().equals(name) && (found == null || !info.automatic())) {
            found = info;
          }
        }
      }
    }
    if (found == null) {
      throw new ErrnoException(
          Errno.ENOENT,
          "export \""
              + name
              + "\": there is none"
              + (kind == null ? "" : " of kind " + kind)
              + "; see export list");
    }
    return found;
  }

  private static Answer addresses(ExportInfo info) {
    return Answer.of(info, out -> info.addresses().forEach(out::println));
  }

  private static Exporter exporter(Services services, String kind) throws ErrnoException {
    for (Exporter exporter : services.exporters()) {
      if (exporter.kind().equals(kind)) {
        return exporter;
      }
    }
    throw new ErrnoException(
        Errno.ENOTSUP,
        "no exporter of kind " + kind + " is running; start the bundle export-" + kind);
  }

  @Command(
      name = "nbd",
      description = {
        "Serve a device or image over NBD under one more name, and print where.",
        "Each device and image is on the agent's own NBD socket under its own name already."
      })
  static final class Nbd extends AgentCommand {
    @Parameters(paramLabel = "DEVICE-OR-IMAGE", description = WHAT_OR_CHANGES)
    String device;

    @Option(names = "--name", paramLabel = "N", description = "The name clients ask for.")
    String name = "";

    @Option(names = "--read-only", description = "Refuse writes of clients.")
    boolean readOnly;

    @Option(
        names = "--description",
        paramLabel = "TEXT",
        description = "One line that clients see; default the device's own.")
    String description = "";

    @Mixin Limit limit;

    @Mixin Terms terms;

    @Override
    Answer run() throws Exception {
      limit.check(this);
      return addresses(
          exporter(services(), "nbd")
              .add(
                  new ExportRequest(
                      names().deviceOrImage(device),
                      name,
                      readOnly,
                      description,
                      limit.over(RateLimit.NONE),
                      terms.over(Map.of()))));
    }
  }

  @Command(
      name = "fuse",
      description = {
        "Show a device or image as a file, and print where.",
        "Each device and image is in the run directory already, as dev/NAME or images/NAME@SNAP;"
            + " without FILE this prints that path."
      })
  static final class Fuse extends AgentCommand {
    @Parameters(index = "0", paramLabel = "DEVICE-OR-IMAGE", description = WHAT)
    String device;

    @Parameters(
        index = "1",
        arity = "0..1",
        paramLabel = "FILE",
        description = "A file to mount over; it is made if there is none.")
    String file = "";

    @Option(names = "--read-only", description = "Refuse writes to FILE.")
    boolean readOnly;

    @Override
    Answer run() throws Exception {
      Exporter fuse = exporter(services(), "fuse");
      String path = file.isEmpty() ? "" : session().path(file);
      return addresses(fuse.add(new ExportRequest(names().deviceOrImage(device), path, readOnly)));
    }
  }

  @Command(
      name = "loop",
      description = {
        "Put a loop device on a device or image, for mount and the like, and print its name.",
        "It is there until export remove /dev/loopN, or until the device or snapshot goes."
      })
  static final class Loop extends AgentCommand {
    @Parameters(paramLabel = "DEVICE-OR-IMAGE", description = WHAT)
    String device;

    @Option(names = "--read-only", description = "Refuse writes.")
    boolean readOnly;

    @Override
    Answer run() throws Exception {
      Exporter loop = exporter(services(), "loop");
      return addresses(loop.add(new ExportRequest(names().deviceOrImage(device), "", readOnly)));
    }
  }

  @Command(name = "list", description = "List everything that clients can ask for.")
  static final class ListAll extends AgentCommand {
    @Override
    Answer run() throws Exception {
      List<ExportInfo> exports = new ArrayList<>();
      services().exporters().forEach(e -> exports.addAll(e.list()));
      exports.sort(Comparator.comparing(ExportInfo::name).thenComparing(ExportInfo::kind));
      return Answer.table(exports, TABLE);
    }
  }

  @Command(
      name = "set",
      description = {
        "Change an export, also one that is served without asking.",
        "Clients that are connected stay, and a limit holds for them at once."
      })
  static final class Set extends AgentCommand {
    @Parameters(paramLabel = "NAME", description = "The name clients ask for.")
    String name;

    @Option(
        names = "--kind",
        paramLabel = "KIND",
        description = "Which export, if several kinds have the name; default nbd.")
    String kind = "nbd";

    @Option(
        names = "--description",
        paramLabel = "TEXT",
        description = "One line that clients see; empty for the device's own.")
    String description;

    @Mixin Limit limit;

    @Mixin Terms terms;

    @Override
    Answer run() throws Exception {
      limit.check(this);
      ExportInfo now = find(services(), name, kind);
      ExportInfo changed =
          exporter(services(), now.kind())
              .change(
                  new ExportChange(
                      name, description, limit.over(now.limit()), terms.over(now.options())));
      return Answer.quiet(changed);
    }
  }

  @Command(
      name = "allow",
      description = {
        "Say who is let in to NBD exports at all, or show it, a rule a line.",
        "It holds for who connects from then on."
      })
  static final class Allow extends AgentCommand {
    @Parameters(
        paramLabel = "RULE",
        arity = "0..*",
        description = {
          "any; user:NAME on a unix socket, by name, number, or self;",
          "address:NETWORK/BITS or address:loopback on TCP;",
          "cert:PATTERN, with *, over the names in a verified TLS certificate;",
          "or several with + between, which must all hold."
        })
    List<String> rules = List.of();

    @Option(names = "--reset", description = "Back to the rules of the agent's configuration.")
    boolean reset;

    @Override
    Answer run() throws Exception {
      if (reset && !rules.isEmpty()) {
        throw usage("--reset and rules exclude each other");
      }
      Exporter nbd = exporter(services(), "nbd");
      if (reset || !rules.isEmpty()) {
        nbd.configure(reset ? Map.of() : Map.of("allow", String.join(",", rules)));
        return Answer.quiet(nbd.options());
      }
      return Answer.of(
          nbd.options(),
          out -> List.of(nbd.options().get("allow").split(",")).forEach(out::println));
    }
  }

  @Command(name = "remove", description = "Take away a name or file that was added.")
  static final class Remove extends AgentCommand {
    @Parameters(paramLabel = "NAME", description = "The name clients ask for, or the file's path.")
    String name;

    @Option(
        names = "--mode",
        paramLabel = "safe|hide|soft|hard",
        description = {
          "What becomes of clients. safe, the default: refused with EBUSY while any is connected.",
          "hide: they stay, new ones are refused, and the name goes with the last.",
          "soft: requests under way are finished, then they are let go.",
          "hard: they are cut off at once."
        })
    RemovalMode mode = RemovalMode.SAFE;

    @Override
    Answer run() throws Exception {
      String meant = name(this, name);
      exporter(services(), find(services(), meant, null).kind()).remove(meant, mode);
      return Answer.quiet(Map.of("removed", List.of(name)));
    }
  }
}
