package io.sluice.fault;

import io.sluice.block.BioOp;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.Arguments;
import io.sluice.filter.CtlCommand;
import io.sluice.filter.Parameter;
import io.sluice.filter.ParameterType;
import java.math.BigDecimal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Rules as they are typed. */
final class RuleText {
  static final Duration DELAY_MAX = Duration.ofHours(1);
  static final int FLIP_COUNT_MAX = 4096;
  static final long ID_MAX = 1_000_000;

  private static final String ANY = "";

  static final CtlCommand ADD =
      new CtlCommand(
          "add",
          List.of(
              text("action", null, "error, delay, corrupt, torn, drop or hang"),
              text(
                  "op",
                  ANY,
                  "of read,write,flush,discard,write_zeroes, or all; default what the action is"
                      + " usual for"),
              text("range", ANY, "OFFSET+LENGTH in bytes; default the whole device"),
              count("skip", "0", "matching bios that pass first"),
              count("count", ANY, "hits until the rule is used up; default no end"),
              new Parameter(
                  "probability", ParameterType.NUMBER, "1", "of a matching bio being hit, 0 to 1"),
              text("errno", ANY, "the error, such as ENOSPC; default EIO, and none for hang"),
              new Parameter(
                  "delay", ParameterType.DURATION, ANY, "how long a delay is, at most 60m"),
              count("flips", "1", "bits that corrupt flips, 1 to " + FLIP_COUNT_MAX),
              count("id", ANY, "the rule's number, 1 to " + ID_MAX + "; default the next one")),
          "adds a rule, and answers its id");

  private RuleText() {}

  static Parameter text(String name, String fallback, String help) {
    return new Parameter(name, ParameterType.TEXT, fallback, help);
  }

  static Parameter count(String name, String fallback, String help) {
    return new Parameter(name, ParameterType.COUNT, fallback, help);
  }

  /**
   * Reads a rule.
   *
   * @param nextId the id it gets if it names none
   * @throws ErrnoException EINVAL for what makes no rule
   */
  static FaultSpec parse(List<String> words, long nextId) throws ErrnoException {
    Arguments arguments = ADD.arguments(words);
    FaultAction action = action(arguments.text("action"));
    Set<BioOp> ops = ops(action, arguments.text("op"));
    long[] range = range(arguments.text("range"));
    FaultSpec spec =
        new FaultSpec(
            arguments.has("id") ? limited(arguments, "id", 1, ID_MAX) : nextId,
            action,
            ops,
            range[0],
            range[1],
            arguments.count("skip"),
            arguments.has("count") ? arguments.count("count") : Long.MAX_VALUE,
            arguments.number("probability"),
            errno(action, arguments.text("errno")),
            arguments.has("delay") ? arguments.duration("delay") : Duration.ZERO,
            (int) limited(arguments, "flips", 1, FLIP_COUNT_MAX));
    check(spec);
    return spec;
  }

  private static void check(FaultSpec spec) throws ErrnoException {
    if (spec.probability() > 1) {
      throw invalid("probability=" + spec.probability() + ": at most 1");
    }
    if ((spec.action() == FaultAction.DELAY) != (spec.delay().compareTo(Duration.ZERO) > 0)) {
      throw invalid("delay=TIME above zero goes with the action delay, and with no other");
    }
    if (spec.delay().compareTo(DELAY_MAX) > 0) {
      throw invalid("delay of " + spec.delay().toSeconds() + " s: at most 60m; use hang instead");
    }
    if (spec.hasRange() && spec.ops().equals(Set.of(BioOp.FLUSH))) {
      throw invalid("a flush has no range; leave range= out");
    }
  }

  private static FaultAction action(String word) throws ErrnoException {
    for (FaultAction action : FaultAction.values()) {
      if (action.word().equals(word.toLowerCase(Locale.ROOT))) {
        return action;
      }
    }
    String all =
        Arrays.stream(FaultAction.values())
            .map(FaultAction::word)
            .collect(Collectors.joining(", "));
    throw invalid("there is no action \"" + word + "\"; there are " + all);
  }

  private static Set<BioOp> ops(FaultAction action, String text) throws ErrnoException {
    if (text.isEmpty()) {
      return action.usualOps;
    }
    if (text.equalsIgnoreCase("all")) {
      return action.possibleOps;
    }
    Set<BioOp> ops = EnumSet.noneOf(BioOp.class);
    for (String word : text.split(",", -1)) {
      BioOp op =
          action.possibleOps.stream()
              .filter(each -> word(each).equals(word.toLowerCase(Locale.ROOT).replace('-', '_')))
              .findFirst()
              .orElse(null);
      if (op == null) {
        String possible =
            action.possibleOps.stream().map(RuleText::word).collect(Collectors.joining(", "));
        throw invalid("op=\"" + word + "\": " + action.word() + " takes " + possible);
      }
      ops.add(op);
    }
    return ops;
  }

  private static String word(BioOp op) {
    return op.name().toLowerCase(Locale.ROOT);
  }

  private static long[] range(String text) throws ErrnoException {
    if (text.isEmpty()) {
      return new long[] {0, Long.MAX_VALUE};
    }
    List<Parameter> parts =
        List.of(
            new Parameter("offset", ParameterType.SIZE, null, "bytes"),
            new Parameter("length", ParameterType.SIZE, null, "bytes"));
    Arguments arguments =
        Arguments.ofWords("range OFFSET+LENGTH", parts, Arrays.asList(text.split("\\+", -1)));
    long fromBytes = arguments.sizeBytes("offset");
    long lengthBytes = arguments.sizeBytes("length");
    if (lengthBytes < 1 || lengthBytes > Long.MAX_VALUE - fromBytes) {
      throw invalid("range=\"" + text + "\": the length is from 1 to what a device can have");
    }
    return new long[] {fromBytes, fromBytes + lengthBytes};
  }

  private static Optional<Errno> errno(FaultAction action, String text) throws ErrnoException {
    if (text.isEmpty()) {
      return action == FaultAction.HANG ? Optional.empty() : Optional.of(Errno.EIO);
    }
    return Optional.of(
        Errno.ofName(text)
            .orElseThrow(() -> invalid("errno=\"" + text + "\" is no error that Sluice knows")));
  }

  private static long limited(Arguments arguments, String name, long min, long max)
      throws ErrnoException {
    long value = arguments.count(name);
    if (value < min || value > max) {
      throw invalid(name + "=" + value + ": " + min + " to " + max + " are allowed");
    }
    return value;
  }

  private static ErrnoException invalid(String text) {
    return new ErrnoException(Errno.EINVAL, "fault rule: " + text);
  }

  /** The words after {@code add} that make an equal rule, leaving out what is the default. */
  static String format(FaultSpec spec) {
    List<String> words = new ArrayList<>();
    words.add(spec.action().word());
    words.add("op=" + spec.ops().stream().map(RuleText::word).collect(Collectors.joining(",")));
    if (spec.hasRange()) {
      words.add("range=" + spec.fromBytes() + "+" + (spec.endBytes() - spec.fromBytes()));
    }
    if (spec.skipCount() > 0) {
      words.add("skip=" + spec.skipCount());
    }
    if (spec.hitCountMax() != Long.MAX_VALUE) {
      words.add("count=" + spec.hitCountMax());
    }
    if (spec.probability() != 1) {
      words.add("probability=" + new BigDecimal(spec.probability() + "").toPlainString());
    }
    boolean fails =
        Set.of(FaultAction.ERROR, FaultAction.TORN, FaultAction.HANG).contains(spec.action());
    spec.errno().filter(errno -> fails).ifPresent(errno -> words.add("errno=" + errno));
    if (spec.action() == FaultAction.DELAY) {
      words.add("delay=" + spec.delay().toNanos() / 1000 + "us");
    }
    if (spec.action() == FaultAction.CORRUPT) {
      words.add("flips=" + spec.flipCount());
    }
    words.add("id=" + spec.id());
    return String.join(" ", words);
  }

  /** Splits {@code "RULE; RULE"} into the words of each. */
  static List<List<String>> split(String rules) {
    return Stream.of(rules.split(";"))
        .map(String::strip)
        .filter(rule -> !rule.isEmpty())
        .map(rule -> List.of(rule.split("\\s+")))
        .toList();
  }
}
