package io.sluice.registry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.OriginDevice;
import io.sluice.block.OriginOptions;
import io.sluice.block.OriginProvider;
import io.sluice.filter.AttachRequest;
import io.sluice.filter.CtlCommand;
import io.sluice.filter.DeviceTable;
import io.sluice.filter.Filter;
import io.sluice.filter.FilterHost;
import io.sluice.filter.FilterOperations;
import io.sluice.filter.OnError;
import io.sluice.filter.Parameter;
import io.sluice.filter.ParameterType;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Stream;
import org.junit.jupiter.api.function.Executable;

/** A registry over origins in memory, and the few words that tests say it with. */
final class Fixture {
  /** No healthy step of a test takes longer, on however slow a machine. */
  static final Duration PATIENCE = Duration.ofSeconds(60);

  /** Kept, since the logging framework forgets the settings of a logger that nobody has. */
  static final Logger LOGGER = Logger.getLogger("io.sluice.registry");

  static {
    // Hundreds of attachments are no news in a test.
    LOGGER.setLevel(Level.WARNING);
  }

  static final Set<BioOp> ALL_OPS = EnumSet.allOf(BioOp.class);

  /** What the filters of tests take, of whatever use that may be. */
  static final List<Parameter> OPTIONS =
      Stream.of("refuse", "fault", "null", "good")
          .map(name -> new Parameter(name, ParameterType.COUNT, "", "for a test"))
          .toList();

  static final List<CtlCommand> COMMANDS =
      List.of(
          new CtlCommand("go", List.of(), "for a test"),
          new CtlCommand(
              "say",
              List.of(
                  new Parameter("first", ParameterType.TEXT, null, "for a test"),
                  new Parameter("second", ParameterType.COUNT, "", "for a test")),
              "for a test"));

  /** What is published now. */
  final Map<String, BlockDevice> published = new ConcurrentHashMap<>();

  /** The last origin opened for each path. */
  final Map<String, MemoryOrigin> origins = new ConcurrentHashMap<>();

  /** For origins opened from now on. */
  volatile Set<BioOp> originOps = ALL_OPS;

  volatile int originSizeBytes = 64 * 1024;

  final OriginProvider provider =
      new OriginProvider() {
        @Override
        public boolean accepts(String path) {
          return path.startsWith("/mem/");
        }

        @Override
        public OriginDevice open(String path, OriginOptions options) throws ErrnoException {
          if (path.endsWith("/held")) {
            throw new ErrnoException(Errno.EBUSY, path + " is held by process 1");
          }
          MemoryOrigin origin = new MemoryOrigin(path, originSizeBytes, originOps);
          origins.put(path, origin);
          return origin;
        }
      };

  final ChainRegistry registry;
  final DeviceTable devices;

  Fixture(Duration drainLimit) {
    this(drainLimit, new DeviceLocator(Path.of("/sys")));
  }

  Fixture(Duration drainLimit, DeviceLocator locator) {
    this(drainLimit, locator, System::nanoTime);
  }

  Fixture(Duration drainLimit, DeviceLocator locator, LongSupplier nanoClock) {
    Publisher publisher =
        (name, description, device) -> {
          published.put(name, device);
          return () -> published.remove(name);
        };
    registry =
        new ChainRegistry(
            () -> List.of(provider), publisher, locator, drainLimit, nanoClock, Fixture::aside);
    devices = registry.devices();
  }

  /** Runs a notice as the agent does, in a thread of its own. */
  private static void aside(Runnable notice) {
    Thread thread = new Thread(notice, "notice");
    thread.setDaemon(true);
    thread.start();
  }

  BlockDevice add(String name) throws ErrnoException {
    devices.add(name, "/mem/" + name, OriginOptions.DEFAULT);
    return published.get(name);
  }

  MemoryOrigin origin(String name) {
    return origins.get("/mem/" + name);
  }

  FilterOperations register(String name, int altitude, Set<BioOp> ops, Filter filter)
      throws ErrnoException {
    return registerMaking(name, altitude, ops, (host, options) -> filter);
  }

  FilterOperations registerMaking(String name, int altitude, Set<BioOp> ops, Attachment attachment)
      throws ErrnoException {
    FilterOperations operations = operations(name, altitude, ops, attachment);
    registry.register(operations);
    return operations;
  }

  static FilterOperations operations(
      String name, int altitude, Set<BioOp> ops, Attachment attachment) {
    return new FilterOperations() {
      @Override
      public String name() {
        return name;
      }

      @Override
      public int altitude() {
        return altitude;
      }

      @Override
      public Set<BioOp> ops() {
        return ops;
      }

      @Override
      public List<Parameter> options() {
        return OPTIONS;
      }

      @Override
      public List<CtlCommand> commands() {
        return COMMANDS;
      }

      @Override
      public Filter attach(FilterHost host, Map<String, String> options) throws ErrnoException {
        return attachment.attach(host, options);
      }
    };
  }

  @FunctionalInterface
  interface Attachment {
    Filter attach(FilterHost host, Map<String, String> options) throws ErrnoException;
  }

  void attach(String device, String filter) throws ErrnoException {
    registry.attach(AttachRequest.of(device, filter));
  }

  void attach(String device, String filter, int altitude) throws ErrnoException {
    registry.attach(
        new AttachRequest(
            device,
            filter,
            OptionalInt.of(altitude),
            OnError.FAIL,
            java.util.Optional.empty(),
            Map.of()));
  }

  void attach(String device, String filter, OnError onError) throws ErrnoException {
    registry.attach(
        new AttachRequest(
            device, filter, OptionalInt.empty(), onError, java.util.Optional.empty(), Map.of()));
  }

  static final Filter PASS = (bio, next) -> next.submit(bio);

  static void write(BlockDevice device, long offsetBytes, int lengthBytes, int value)
      throws ErrnoException {
    byte[] bytes = new byte[lengthBytes];
    java.util.Arrays.fill(bytes, (byte) value);
    device.submit(new Bio().write(offsetBytes, ByteBuffer.wrap(bytes), 0));
  }

  static byte[] read(BlockDevice device, long offsetBytes, int lengthBytes) throws ErrnoException {
    ByteBuffer data = ByteBuffer.allocate(lengthBytes);
    device.submit(new Bio().read(offsetBytes, data));
    assertEquals(0, data.remaining(), "a completed read leaves position at limit");
    return data.array();
  }

  /** Checks the errno, and that the message says each of the words. */
  static ErrnoException refused(Errno errno, Executable action, String... words) {
    ErrnoException e = assertThrows(ErrnoException.class, action);
    assertEquals(errno, e.errno(), e.getMessage());
    for (String word : words) {
      assertTrue(e.getMessage().contains(word), () -> "\"" + word + "\" in: " + e.getMessage());
    }
    return e;
  }

  static void await(CountDownLatch latch) {
    boolean done = false;
    boolean interrupted = false;
    while (!done) {
      try {
        assertTrue(latch.await(PATIENCE.toSeconds(), TimeUnit.SECONDS), "no progress");
        done = true;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
