package io.sluice.registry;

import static io.sluice.registry.Fixture.ALL_OPS;
import static io.sluice.registry.Fixture.PASS;
import static io.sluice.registry.Fixture.read;
import static io.sluice.registry.Fixture.refused;
import static io.sluice.registry.Fixture.write;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import io.sluice.filter.ChainEntry;
import io.sluice.filter.Filter;
import io.sluice.filter.OnError;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a filter's fault does to its device, under both policies. */
@Timeout(120)
final class QuarantineTest {
  private final Fixture fixture = new Fixture(Duration.ofSeconds(30));
  private final Faulty filter = new Faulty();
  private final Logger logger = Fixture.LOGGER;
  private final List<String> errorLog = new ArrayList<>();
  private final Handler handler =
      new Handler() {
        @Override
        public void publish(LogRecord entry) {
          if (entry.getLevel().equals(java.util.logging.Level.SEVERE)) {
            errorLog.add(entry.getMessage());
          }
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
      };

  /** Moves the buffer and then throws what it is told to. */
  private static final class Faulty implements Filter {
    Throwable fault;
    int extentCount;

    @Override
    public void submit(Bio bio, BlockDevice next) throws ErrnoException {
      if (fault != null) {
        if (bio.data() != null) {
          bio.data().limit(bio.data().position() + 3).position(2);
        }
        throw Faulty.<RuntimeException>sneaky(fault);
      }
      next.submit(bio);
    }

    @Override
    public void status(
        long offsetBytes, long lengthBytes, ExtentVisitor visitor, BlockDevice next) {
      for (int i = 0; i < extentCount; i++) {
        visitor.extent(512, ExtentVisitor.HOLE);
      }
      throw Faulty.<RuntimeException>sneaky(fault);
    }

    @SuppressWarnings({
      "unchecked",
      "TypeParameterUnusedInFormals"
    }) // To throw what is not declared.
    private static <T extends Throwable> RuntimeException sneaky(Throwable fault) throws T {
      throw (T) fault;
    }
  }

  @BeforeEach
  void setUp() throws ErrnoException {
    logger.addHandler(handler);
    logger.setUseParentHandlers(false);
    fixture.register("f", 1, ALL_OPS, filter);
    fixture.add("disk");
  }

  @AfterEach
  void tearDown() {
    logger.removeHandler(handler);
    logger.setUseParentHandlers(true);
  }

  private ChainEntry entry() throws ErrnoException {
    return fixture.registry.chain("disk").get(0);
  }

  @Test
  void failFailsEveryBioUntilTheDetach() throws ErrnoException {
    BlockDevice disk = fixture.published.get("disk");
    fixture.attach("disk", "f", OnError.FAIL);
    filter.fault = new IllegalStateException("boom");
    refused(Errno.EIO, () -> write(disk, 0, 512, 1), "filter f", "disk", "boom", "detach");
    filter.fault = null;
    refused(Errno.EIO, () -> write(disk, 0, 512, 1), "filter f");
    refused(Errno.EIO, () -> read(disk, 0, 512));
    refused(Errno.EIO, () -> disk.submit(new Bio().flush()));
    refused(Errno.EIO, () -> disk.status(0, 512, (length, state) -> true));
    assertEquals("failed", entry().state());
    assertEquals(1, entry().bioCount());
    assertEquals(4, entry().errorCount());
    assertEquals(1, entry().faultCount());
    assertTrue(entry().fault().contains("WRITE 0+512"), entry().fault());
    assertEquals(1, errorLog.size(), errorLog.toString());
    assertEquals(List.of(), fixture.origin("disk").log);
    fixture.registry.detach("disk", "f");
    write(disk, 0, 512, 1);
    fixture.attach("disk", "f");
    write(disk, 0, 512, 1);
  }

  @Test
  void bypassServesThisBioAndEachLaterOneWithoutTheFilter() throws ErrnoException {
    BlockDevice disk = fixture.published.get("disk");
    fixture.attach("disk", "f", OnError.BYPASS);
    filter.fault = new IllegalStateException("boom");
    write(disk, 512, 1024, 9);
    byte[] expected = new byte[2048];
    Arrays.fill(expected, 512, 1536, (byte) 9);
    assertArrayEquals(expected, read(disk, 0, 2048));
    disk.submit(new Bio().flush());
    disk.submit(new Bio().writeZeroes(512, 512, 0));
    Arrays.fill(expected, 512, 1024, (byte) 0);
    assertArrayEquals(expected, read(disk, 0, 2048));
    assertEquals("bypassed", entry().state());
    assertEquals(1, entry().bioCount());
    assertEquals(0, entry().errorCount());
    assertEquals(1, entry().faultCount());
    assertEquals(1, errorLog.size(), errorLog.toString());
    assertEquals(0, fixture.devices.stats("disk").errorCount());
  }

  @ParameterizedTest
  @ValueSource(
      classes = {
        NullPointerException.class,
        AssertionError.class,
        NoClassDefFoundError.class,
        StackOverflowError.class,
        OutOfMemoryError.class,
        InternalError.class,
        java.io.IOException.class
      })
  void everythingElseThanErrnoExceptionIsAFault(Class<? extends Throwable> type) throws Exception {
    BlockDevice disk = fixture.published.get("disk");
    fixture.attach("disk", "f", OnError.FAIL);
    filter.fault = type.getDeclaredConstructor().newInstance();
    refused(Errno.EIO, () -> write(disk, 0, 512, 1), "filter f", type.getSimpleName());
    assertEquals("failed", entry().state());
    assertEquals(0, fixture.devices.stats("disk").inFlightCount());
    assertEquals(1, fixture.devices.stats("disk").errorCount());
  }

  /** An exception that is at fault itself. */
  private static final class Unspeakable extends RuntimeException {
    private static final long serialVersionUID = 1L;

    @Override
    public String getMessage() {
      throw new IllegalStateException("no words");
    }
  }

  @Test
  void aFaultThatCantBeDescribedQuarantinesToo() throws ErrnoException {
    BlockDevice disk = fixture.published.get("disk");
    fixture.attach("disk", "f", OnError.BYPASS);
    filter.fault = new Unspeakable();
    write(disk, 0, 512, 1);
    assertEquals("bypassed", entry().state());
    assertTrue(entry().fault().contains("Unspeakable"), entry().fault());
  }

  @Test
  void aFaultIsToldInOneLine() throws ErrnoException {
    BlockDevice disk = fixture.published.get("disk");
    fixture.attach("disk", "f", OnError.FAIL);
    filter.fault = new IllegalStateException("a\nb" + "c".repeat(1000));
    ErrnoException e = refused(Errno.EIO, () -> write(disk, 0, 512, 1), "a?bccc", "...");
    assertTrue(e.getMessage().length() < 500, e.getMessage());
  }

  @Test
  void aFaultBelowIsNotBlamedOnTheFilterAbove() throws ErrnoException {
    BlockDevice disk = fixture.published.get("disk");
    fixture.register("above", 2, ALL_OPS, PASS);
    fixture.attach("disk", "f");
    fixture.attach("disk", "above");
    filter.fault = new IllegalStateException("boom");
    refused(Errno.EIO, () -> write(disk, 0, 512, 1), "filter f");
    List<ChainEntry> chain = fixture.registry.chain("disk");
    assertEquals("attached", chain.get(0).state());
    assertEquals(1, chain.get(0).errorCount());
    assertEquals("failed", chain.get(1).state());
  }

  @Test
  void aFaultOfStatusQuarantinesToo() throws ErrnoException {
    BlockDevice disk = fixture.published.get("disk");
    filter.fault = new IllegalStateException("boom");
    fixture.attach("disk", "f", OnError.FAIL);
    refused(Errno.EIO, () -> disk.status(0, 2048, (length, state) -> true), "block status");
    assertEquals("failed", entry().state());
    fixture.registry.detach("disk", "f");

    for (int told : new int[] {0, 1}) {
      filter.extentCount = told;
      fixture.attach("disk", "f", OnError.BYPASS);
      List<String> extents = new ArrayList<>();
      disk.status(0, 2048, (length, state) -> extents.add(length + ":" + state));
      assertEquals(told == 0 ? List.of("2048:0") : List.of("512:1"), extents, "no gap, none twice");
      assertEquals("bypassed", entry().state());
      fixture.registry.detach("disk", "f");
    }
  }
}
