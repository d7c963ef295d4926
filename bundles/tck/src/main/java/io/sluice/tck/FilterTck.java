package io.sluice.tck;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.Arguments;
import io.sluice.filter.CtlCommand;
import io.sluice.filter.FilterOperations;
import io.sluice.filter.Parameter;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;

/**
 * Checks a filter against the rules FLT-n, in a chain over a device in memory, and that the device
 * with the filter on it still keeps the rules BLK-n. Extend it in a test, and say which filter.
 *
 * <p>The filter must let everything pass under {@link #options()}: one that guards against writes,
 * or injects errors, is given options under which it does not.
 */
@Untested(rule = "FLT-2", reason = FilterTck.OF_THE_REGISTRY)
@Untested(rule = "FLT-3", reason = FilterTck.OF_THE_REGISTRY)
@Untested(rule = "FLT-4", reason = FilterTck.OF_THE_REGISTRY)
@Untested(rule = "FLT-5", reason = FilterTck.OF_THE_REGISTRY)
@Untested(
    rule = "FLT-9",
    reason = "a filter is given no way to its live device; one that finds it as a service, hangs")
@Untested(rule = "FLT-12", reason = FilterTck.OF_THE_REGISTRY)
@Untested(rule = "FLT-13", reason = FilterTck.OF_THE_REGISTRY)
@Untested(rule = "FLT-14", reason = FilterTck.OF_THE_REGISTRY)
public abstract class FilterTck extends BlockDeviceTck {
  static final String OF_THE_REGISTRY =
      "a rule for the registry and not for filters; the tests of filter-registry check it";

  private static final List<BioOp> OPS = List.of(BioOp.values());
  private static final int SIZE_BYTES = 256 << 10;
  private static final int BLOCK_SIZE_BYTES = 512;
  private static final int THREAD_COUNT = 2;
  private static final int STEP_COUNT = 150;

  /** More failures than a filter tries. */
  private static final int LASTING = 1000;

  private static final Duration SHORT = Duration.ofSeconds(5);

  private final Complaints complaints = new Complaints();
  private FilterBench bench;

  /** The filter to test. Called once for each test, and again after a crash. */
  protected abstract FilterOperations operations() throws Exception;

  /** The options it is attached with. */
  protected Map<String, String> options() {
    return Map.of();
  }

  @Override
  protected final BlockDevice openDevice() throws Exception {
    DeviceGeometry geometry =
        new DeviceGeometry(
            SIZE_BYTES, BLOCK_SIZE_BYTES, 4096, false, false, EnumSet.allOf(BioOp.class));
    return attachedOver(new MemoryDevice(geometry));
  }

  private FilterBench attachedOver(MemoryDevice below) throws Exception {
    bench = new FilterBench(operations(), options(), below, complaints);
    bench.attach();
    return bench;
  }

  @Override
  protected final void closeDevice(BlockDevice device) {
    // Detached by the bench that is the last one; one that has crashed is not detached at all.
  }

  @AfterEach
  final void detachLast() {
    bench.detach();
  }

  @Override
  protected final Optional<BlockDevice> openReadOnlyDevice() {
    return Optional.empty();
  }

  @Override
  protected final Optional<BlockDevice> reopenAfterCrash(BlockDevice device) throws Exception {
    MemoryDevice below = bench.below();
    below.crash();
    return Optional.of(attachedOver(below));
  }

  @Override
  protected final boolean remove(BlockDevice device) {
    bench.below().remove();
    return true;
  }

  @Rule("FLT-1")
  void flt1_declaresItsNameAndOperations() throws Exception {
    FilterOperations operations = operations();
    String name = operations.name();
    int length = name.getBytes(StandardCharsets.UTF_8).length;
    Expect.that(
        length >= 1 && length <= FilterOperations.NAME_MAX_BYTES,
        "length of the name \"" + name + "\"",
        "1 to " + FilterOperations.NAME_MAX_BYTES + " bytes",
        length);
    boolean plain = name.chars().noneMatch(c -> c <= ' ' || c == '/' || c == 0x7f);
    Expect.that(plain, "name", "no blank, slash or control character", "\"" + name + "\"");
    Set<BioOp> ops = Set.copyOf(operations.ops());
    Expect.that(!ops.isEmpty(), "ops()", "one operation at least", ops);
    traffic(0);
    Expect.same("ops() later", ops, Set.copyOf(operations.ops()));
  }

  /** Random bios of all kinds from several threads, whose outcome does not matter here. */
  private void traffic(int failures) throws Exception {
    long[] seeds = random().longs(THREAD_COUNT).toArray();
    List<Errno> errnos = List.of(Errno.EIO, Errno.ENOSPC, Errno.ESHUTDOWN, Errno.ETIMEDOUT);
    Crew.run(
        THREAD_COUNT,
        i -> {
          Random random = new Random(seeds[i]);
          for (int step = 0; step < STEP_COUNT; step++) {
            if (failures > 0 && step % 5 == 0) {
              bench.below().fail(errnos.get(random.nextInt(errnos.size())), failures);
            }
            submitRandom(random);
          }
        });
    bench.below().fail(Errno.EIO, 0);
  }

  private void submitRandom(Random random) {
    int units = 1 + random.nextInt(16);
    int length = units * BLOCK_SIZE_BYTES;
    long offset =
        (long) random.nextInt(SIZE_BYTES / BLOCK_SIZE_BYTES - units + 1) * BLOCK_SIZE_BYTES;
    BioOp op = OPS.get(random.nextInt(OPS.size()));
    Bio bio = TestedDevice.bio(op, offset, length);
    if (op == BioOp.WRITE) {
      ByteBuffer data = ByteBuffer.wrap(TestedDevice.bytes(random, length));
      bio.write(offset, random.nextBoolean() ? data.asReadOnlyBuffer() : data, random.nextInt(2));
    } else if (op == BioOp.READ && random.nextBoolean()) {
      bio.read(offset, ByteBuffer.allocateDirect(length + 64).position(32).limit(32 + length));
    }
    try {
      bench.submit(bio);
      if (random.nextInt(10) == 0) {
        bench.status(offset, length, (extentBytes, state) -> true);
      }
    } catch (ErrnoException expected) {
      // Failures were injected, and what is not served is refused.
      return;
    }
  }

  private void expectNone(String rule, String what) {
    Expect.none(what, complaints.of(rule));
  }

  @Rule("FLT-6")
  void flt6_leavesTheBioAndItsBytesAlone() throws Exception {
    traffic(0);
    traffic(1);
    expectNone("FLT-6", "changes to bios of the caller");
  }

  @Rule("FLT-7")
  void flt7_nextInsideSubmitAndLowerOutside() throws Exception {
    traffic(0);
    traffic(1);
    bench.detach();
    bench.attach();
    expectNone("FLT-7", "uses of next or lower() in the wrong place");
  }

  @Rule("FLT-8")
  void flt8_resetsTheBufferBeforeItSubmitsAgain() throws Exception {
    traffic(0);
    traffic(1);
    expectNone("FLT-8", "bios with a buffer that was used up");
  }

  @Rule("FLT-10")
  void flt10_throwsNothingButErrnoExceptions() throws Exception {
    traffic(0);
    traffic(1);
    traffic(3);
    expectNone("FLT-10", "faults");
  }

  @Rule("FLT-11")
  void flt11_comesAndGoesQuickly() throws Exception {
    for (int i = 0; i < 3; i++) {
      traffic(0);
      long start = System.nanoTime();
      bench.detach();
      bench.attach();
      Duration took = Duration.ofNanos(System.nanoTime() - start);
      Expect.that(took.compareTo(SHORT) < 0, "detach and attach", "under " + SHORT, took);
    }
    traffic(0);
    expectNone("FLT-11", "faults at detach or after it");
  }

  @Rule("FLT-15")
  void flt15_declarationsAreWholeAndStandStill() throws Exception {
    FilterOperations operations = operations();
    checkParameters("option", operations.options());
    Set<String> names = new HashSet<>();
    for (CtlCommand command : operations.commands()) {
      Expect.that(names.add(command.name()), "commands named " + command.name(), 1, 2);
      checkName("command", command.name(), command.help());
      checkParameters("argument of " + command.name(), command.parameters());
    }
    Arguments.ofOptions("filter " + operations.name(), operations.options(), options());
    List<Parameter> options = List.copyOf(operations.options());
    List<CtlCommand> commands = List.copyOf(operations.commands());
    int altitude = operations.altitude();
    traffic(0);
    Expect.same("options() later", options, operations.options());
    Expect.same("commands() later", commands, operations.commands());
    Expect.same("altitude() later", altitude, operations.altitude());
  }

  private static void checkParameters(String what, List<Parameter> parameters)
      throws ErrnoException {
    Set<String> names = new HashSet<>();
    for (Parameter parameter : parameters) {
      Expect.that(names.add(parameter.name()), what + "s named " + parameter.name(), 1, 2);
      checkName(what, parameter.name(), parameter.help());
      String fallback = parameter.fallback();
      if (fallback != null && !fallback.isEmpty()) {
        Arguments.ofOptions(what, List.of(parameter), Map.of(parameter.name(), fallback));
      }
    }
  }

  private static void checkName(String what, String name, String help) {
    boolean plain = !name.isEmpty() && name.chars().noneMatch(c -> c <= ' ' || c == '=');
    Expect.that(plain, what + " name", "no blank and no =", "\"" + name + "\"");
    boolean oneLine = !help.isBlank() && help.indexOf('\n') < 0;
    Expect.that(oneLine, "help of " + what + " " + name, "one line", "\"" + help + "\"");
  }

  @Rule("FLT-16")
  void flt16_commandsAnswerPlainValuesOrRefuse() throws Exception {
    traffic(0);
    for (CtlCommand command : operations().commands()) {
      for (Map<String, String> sample : Samples.of(command.parameters(), Map.of())) {
        List<String> words = new ArrayList<>();
        sample.forEach((name, value) -> words.add(name + "=" + value));
        askPlain("command " + command.name() + " " + words, command.name(), words);
      }
    }
  }

  private void askPlain(String what, String command, List<String> words) {
    Map<String, Object> answer;
    try {
      answer = bench.filter().ctl(command, words);
    } catch (ErrnoException refused) {
      // Out of its range, or not now.
      return;
    } catch (RuntimeException e) {
      throw Expect.failure(what, "an answer or an ErrnoException", e);
    }
    Expect.that(isPlain(answer), what, "strings, numbers, booleans, lists and maps", answer);
  }

  @Rule("FLT-16")
  void flt16_optionsMakeAFilterOrAreRefused() throws Exception {
    FilterOperations operations = operations();
    for (Map<String, String> sample : Samples.of(operations.options(), options())) {
      FilterBench other = new FilterBench(operations, sample, bench.below(), complaints);
      try {
        other.attach();
      } catch (ErrnoException e) {
        Expect.that(!sample.equals(options()), "attach with " + sample, "success", e.getMessage());
        continue;
      } catch (RuntimeException e) {
        throw Expect.failure("attach with " + sample, "a filter or an ErrnoException", e);
      }
      other.detach();
    }
  }

  private static boolean isPlain(Object value) {
    if (value instanceof Map<?, ?> map) {
      return map.entrySet().stream()
          .allMatch(entry -> entry.getKey() instanceof String && isPlain(entry.getValue()));
    }
    if (value instanceof List<?> list) {
      return list.stream().allMatch(FilterTck::isPlain);
    }
    return value instanceof String || value instanceof Number || value instanceof Boolean;
  }

  @Rule("FLT-17")
  void flt17_optionsMakeAnEqualFilter() throws Exception {
    FilterOperations operations = operations();
    Map<String, String> first = bench.filter().options(options());
    Map<String, String> copy = new LinkedHashMap<>(first);
    String what = "options of the attached filter";
    try {
      Arguments.ofOptions(what, operations.options(), copy);
    } catch (ErrnoException e) {
      throw Expect.failure(what, "what attach takes", e.getMessage());
    }
    bench.detach();
    bench = new FilterBench(operations, copy, bench.below(), complaints);
    bench.attach();
    Expect.same(what + ", attached again", copy, bench.filter().options(copy));
    traffic(0);
  }

  @Rule("FLT-18")
  void flt18_callLimitIsATime() throws Exception {
    Duration limit = operations().callLimit();
    Expect.that(limit.toNanos() > 0, "callLimit()", "more than 0", limit);
  }

  @Rule("FLT-19")
  void flt19_takesBeingPutAside() throws Exception {
    traffic(0);
    told("quarantined", () -> bench.filter().quarantined("told so by the kit"));
    bench.detach();
  }

  @Rule("FLT-20")
  void flt20_takesTheLossOfItsDevice() throws Exception {
    traffic(0);
    bench.below().remove();
    told("deviceLost", () -> bench.filter().deviceLost("told so by the kit"));
    bench.detach();
  }

  private static void told(String what, Runnable call) {
    long start = System.nanoTime();
    try {
      call.run();
    } catch (RuntimeException e) {
      throw Expect.failure(what, "to return", e);
    }
    Duration took = Duration.ofNanos(System.nanoTime() - start);
    Expect.that(took.compareTo(SHORT) < 0, what, "to return within " + SHORT, took);
  }

  @Rule("FLT-21")
  void flt21_refusesToLeaveWithEbusyOnly() throws Exception {
    traffic(0);
    for (int i = 0; i < 2; i++) {
      try {
        bench.filter().checkDetach();
      } catch (ErrnoException e) {
        Expect.same("checkDetach", Errno.EBUSY, e.errno());
      } catch (RuntimeException e) {
        throw Expect.failure("checkDetach", "to return, or EBUSY", e);
      }
    }
  }

  @Rule("FLT-23")
  void flt23_passesEachBioOnOrServesIt() throws Exception {
    traffic(0);
    traffic(1);
    expectNone("FLT-23", "bios that were forgotten");
  }

  @Rule("FLT-22")
  void flt22_errorFromBelowIsNotTakenForSuccess() throws Exception {
    TestedDevice tested = tested();
    byte[] before = TestedDevice.bytes(random(), 4 * BLOCK_SIZE_BYTES);
    byte[] after = TestedDevice.bytes(random(), 4 * BLOCK_SIZE_BYTES);
    tested.write(0, before);
    bench.below().fail(Errno.EIO, LASTING);
    try {
      Expect.bytes(
          "read that failed below and completed", 0, before, tested.read(0, before.length));
    } catch (ErrnoException e) {
      Expect.same("error of a read that failed below with EIO", Errno.EIO, e.errno());
    }
    bench.below().fail(Errno.ENOSPC, LASTING);
    try {
      tested.write(0, after);
      bench.below().fail(Errno.EIO, 0);
      Expect.bytes("write that failed below and completed", 0, after, tested.read(0, after.length));
    } catch (ErrnoException e) {
      Expect.same("error of a write that failed below with ENOSPC", Errno.ENOSPC, e.errno());
    }
    bench.below().fail(Errno.EIO, 0);
    if (tested.serves(BioOp.FLUSH)) {
      checkFailingFlush(tested, after);
    }
  }

  private void checkFailingFlush(TestedDevice tested, byte[] after) throws Exception {
    tested.write(0, after);
    bench.below().fail(Errno.EIO, LASTING);
    try {
      tested.flush();
    } catch (ErrnoException e) {
      Expect.same("error of a flush that failed below with EIO", Errno.EIO, e.errno());
      return;
    }
    if (bench.below().failuresLeft() == LASTING) {
      // It never got there, which is another rule's affair (BLK-5).
      return;
    }
    bench.below().fail(Errno.EIO, 0);
    TestedDevice again = new TestedDevice(reopenAfterCrash(tested.device).orElseThrow());
    byte[] actual = again.read(0, after.length);
    Expect.bytes("flush that failed below and completed", 0, after, actual);
  }
}
