package io.sluice.trace.replay;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.StorageIdentity;
import io.sluice.filter.Filter;
import io.sluice.filter.FilterHost;
import io.sluice.trace.format.TraceReader;
import io.sluice.trace.recorder.TraceOperations;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The filter on a file, and what its trace does to a copy of that file. */
@Timeout(60)
class RecordAndReplayTest {
  private static final int SIZE = 1 << 20;

  @TempDir Path directory;
  private Path disk;
  private Path copy;
  private Path file;
  private FileTarget below;
  private Filter filter;

  @BeforeEach
  void makeDisk() throws IOException {
    disk = directory.resolve("disk");
    copy = directory.resolve("copy");
    file = directory.resolve("trace");
    byte[] content = new byte[SIZE];
    new Random(1).nextBytes(content);
    Files.write(disk, content);
    Files.copy(disk, copy);
    below = FileTarget.open(disk);
  }

  @AfterEach
  void close() throws IOException {
    if (filter != null) {
      filter.detach();
    }
    below.close();
  }

  private void attach(String... options) throws ErrnoException {
    Map<String, String> given = new HashMap<>();
    for (String option : options) {
      given.put(option.replaceFirst("=.*", ""), option.replaceFirst("[^=]*=", ""));
    }
    filter =
        new TraceOperations(System::nanoTime, () -> Instant.EPOCH, Thread::new)
            .attach(new Host(below), given);
  }

  private record Host(BlockDevice lower) implements FilterHost {
    @Override
    public String deviceName() {
      return "disk";
    }

    @Override
    public String originPath() {
      return "/disk";
    }

    @Override
    public StorageIdentity originIdentity() {
      throw new UnsupportedOperationException();
    }
  }

  private void detach() throws ErrnoException {
    filter.checkDetach();
    filter.detach();
    filter = null;
  }

  private void write(long offsetBytes, int lengthBytes, Random random) throws ErrnoException {
    byte[] content = new byte[lengthBytes];
    random.nextBytes(content);
    ByteBuffer data = ByteBuffer.wrap(content);
    filter.submit(new Bio().write(offsetBytes, data, random.nextInt(2)), below);
    assertFalse(data.hasRemaining(), "of a completed write");
  }

  private ByteBuffer read(long offsetBytes, int lengthBytes) throws ErrnoException {
    ByteBuffer data = ByteBuffer.allocate(lengthBytes);
    filter.submit(new Bio().read(offsetBytes, data), below);
    assertFalse(data.hasRemaining(), "of a completed read");
    return data;
  }

  private final ByteArrayOutputStream printed = new ByteArrayOutputStream();

  private int tool(Object... words) {
    printed.reset();
    PrintStream out = new PrintStream(printed, true, StandardCharsets.UTF_8);
    List<String> texts = new ArrayList<>();
    for (Object word : words) {
      texts.add(word.toString());
    }
    return new TraceTool(out, out).run(texts);
  }

  private String printed() {
    return printed.toString(StandardCharsets.UTF_8);
  }

  @Test
  void aReplayOfThreadsEndsWithTheSameBytes() throws Exception {
    attach("file=" + file, "data=full");
    ExecutorService clients = Executors.newFixedThreadPool(4);
    List<Future<?>> ends = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      // Each in a quarter of its own: what overlaps in time may take effect in either order.
      long base = (long) i * (SIZE / 4);
      Random random = new Random(i);
      ends.add(
          clients.submit(
              () -> {
                for (int n = 0; n < 300; n++) {
                  long offsetBytes = base + random.nextInt(SIZE / 4 - 5000);
                  switch (random.nextInt(4)) {
                    case 0 -> read(offsetBytes, 1 + random.nextInt(5000));
                    case 1 ->
                        filter.submit(
                            new Bio().writeZeroes(offsetBytes, random.nextInt(5000), 0), below);
                    default -> write(offsetBytes, 1 + random.nextInt(5000), random);
                  }
                }
                return null;
              }));
    }
    for (Future<?> end : ends) {
      end.get(30, TimeUnit.SECONDS);
    }
    clients.shutdown();
    detach();
    assertEquals(TraceTool.DONE, tool("replay", "--verify", file, copy), printed());
    assertTrue(printed().contains("bios: 1200\n"), printed());
    assertTrue(printed().contains("reads_different: 0\n"), printed());
    assertTrue(printed().contains("bios_missing_in_trace: 0\ntrace_complete: true"), printed());
    assertArrayEquals(Files.readAllBytes(disk), Files.readAllBytes(copy), "seeds 0 to 3");
  }

  @Test
  void aReplayThatStopsEarlyIsTheDiskOfThatMoment() throws Exception {
    attach("file=" + file, "data=full");
    write(0, 512, new Random(1));
    byte[] then = Files.readAllBytes(disk);
    write(100, 512, new Random(2));
    detach();
    assertEquals(TraceTool.DONE, tool("replay", "--count", 1, file, copy), printed());
    assertArrayEquals(then, Files.readAllBytes(copy));
  }

  @Test
  void aTargetThatDiffersIsNoticedByReads() throws Exception {
    attach("file=" + file, "data=crc");
    read(4096, 4096);
    detach();
    assertEquals(TraceTool.DONE, tool("replay", "--verify", file, copy), printed());
    try (FileChannel channel = FileChannel.open(copy, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(new byte[] {1, 2, 3, 4}), 5000);
    }
    assertEquals(TraceTool.FAILED, tool("replay", "--verify", file, copy));
    assertTrue(printed().contains("first_different: 0 0."), printed());
  }

  @Test
  void withoutDataNothingIsMadeUp() throws Exception {
    attach("file=" + file, "data=crc");
    write(0, 512, new Random(1));
    detach();
    byte[] before = Files.readAllBytes(copy);
    assertEquals(TraceTool.FAILED, tool("replay", file, copy));
    assertTrue(printed().contains("EINVAL: bio 0, write 0+512"), printed());
    assertArrayEquals(before, Files.readAllBytes(copy));
    assertEquals(TraceTool.DONE, tool("replay", "--dry-run", file), printed());
    assertTrue(printed().contains("writes_without_data: 1"), printed());
  }

  @Test
  void theFileIsPrivateNewAndNumbered() throws Exception {
    Files.writeString(file, "somebody's");
    attach("file=" + file);
    detach();
    assertEquals("somebody's", Files.readString(file));
    Path made = directory.resolve("trace.1");
    assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(made)));
    assertEquals(TraceTool.DONE, tool("show", made), printed());
    assertEquals(
        """
        # device disk, 1048576 bytes, blocks of 1, data none, began 1970-01-01T00:00:00Z
        # complete, 0 dropped
        """,
        printed());
  }

  @Test
  void whatDoesNotFitIsDroppedCountedAndNoBioFails() throws Exception {
    attach("file=" + file, "data=full", "limit=8K");
    for (int i = 0; i < 5; i++) {
      write(0, 4000, new Random(i));
      filter.ctl("sync", List.of());
    }
    Map<String, Object> stats = filter.ctl("stats", List.of());
    assertEquals("full", stats.get("file_state"), stats.toString());
    assertEquals(1L, stats.get("file_bios"), stats.toString());
    assertEquals(4L, stats.get("file_dropped"), stats.toString());
    detach();
    assertTrue(Files.size(file) <= 8192, Files.size(file) + " bytes");
    assertEquals(TraceTool.DONE, tool("show", file));
    assertTrue(printed().endsWith("# complete, 4 dropped\n"), printed());
  }

  @Test
  void aWriteTooLongForTheBufferIsKnownToLackItsData() throws Exception {
    attach("file=" + file, "data=full", "buffer=64K");
    write(0, 40_000, new Random(1));
    detach();
    assertEquals(TraceTool.FAILED, tool("replay", file, copy));
    assertTrue(printed().contains("the trace has not its data"), printed());
  }

  @Test
  void failuresAreRecordedAndNotReplayed() throws Exception {
    attach("file=" + file, "data=full");
    assertThrows(ErrnoException.class, () -> write(SIZE, 512, new Random(1)));
    assertThrows(ErrnoException.class, () -> read(SIZE, 512));
    Map<String, Object> last = filter.ctl("last", List.of("1"));
    assertTrue(last.toString().contains("op=read, offset_bytes=1048576"), last.toString());
    assertTrue(last.toString().contains("outcome=EINVAL"), last.toString());
    detach();
    byte[] before = Files.readAllBytes(copy);
    assertEquals(TraceTool.DONE, tool("replay", file, copy), printed());
    assertTrue(printed().contains("failed_changes_left_out: 1"), printed());
    assertArrayEquals(before, Files.readAllBytes(copy));
  }

  @Test
  void offRecordsNothingAndIsKept() throws Exception {
    attach("recording=off");
    read(0, 512);
    assertEquals(Map.of("bios", List.of()), filter.ctl("last", List.of()));
    assertEquals(Map.of("recording", true), filter.ctl("on", List.of()));
    read(0, 512);
    assertEquals(1L, filter.ctl("stats", List.of()).get("bios"));
    assertEquals(Map.of("recording", "on"), filter.options(Map.of("recording", "off")));
  }

  @Test
  void fioGetsALogOfItsOwn() throws Exception {
    attach("file=" + file, "format=fio");
    write(512, 512, new Random(1));
    filter.submit(new Bio().flush(), below);
    detach();
    String log = Files.readString(file).replaceAll("(?m)^\\d+ ", "T ");
    assertEquals(
        """
        fio version 3 iolog
        T disk add
        T disk open
        T disk write 512 512
        T disk sync 0 0
        T disk close
        """,
        log);
  }

  @Test
  void conversionForFioIsTheSameLog() throws Exception {
    attach("file=" + file);
    write(512, 512, new Random(1));
    detach();
    assertEquals(TraceTool.DONE, tool("fio", file));
    assertEquals(
        "fio version 3 iolog\nT disk add\nT disk open\nT disk write 512 512\nT disk close\n",
        printed().replaceAll("(?m)^\\d+ ", "T "));
  }

  @Test
  void aTraceThatJustEndsIsReadUpToItsLastWholeRecord() throws Exception {
    attach("file=" + file, "data=full");
    write(0, 512, new Random(1));
    write(512, 512, new Random(1));
    detach();
    byte[] whole = Files.readAllBytes(file);
    Files.write(file, Arrays.copyOf(whole, whole.length - 65));
    assertEquals(TraceTool.DONE, tool("replay", file, copy), printed());
    assertTrue(printed().contains("bios: 1\n"), printed());
    assertTrue(printed().contains("trace_complete: false"), printed());
  }

  @Test
  void damageIsNamed() throws Exception {
    attach("file=" + file, "data=full");
    write(0, 512, new Random(1));
    detach();
    byte[] whole = Files.readAllBytes(file);
    Random random = new Random(5);
    int refused = 0;
    for (int i = 0; i < 300; i++) {
      byte[] damaged = whole.clone();
      damaged[random.nextInt(128 + 64 + 512)] ^= (byte) (1 + random.nextInt(255));
      Files.write(file, damaged);
      try (TraceReader trace = new TraceReader(FileChannel.open(file))) {
        while (trace.next() != null) {}
      } catch (ErrnoException e) {
        assertTrue(e.errno() == Errno.EINVAL || e.errno() == Errno.ENOTSUP, e.getMessage());
        refused++;
      }
    }
    assertTrue(refused > 200, refused + " of 300 changes of a byte noticed, Random(5)");
  }

  @Test
  void badOptionsAndTargetsAreRefused() throws IOException {
    for (String option : List.of("data=some", "last=0", "last=65537", "file=relative", "x=1")) {
      ErrnoException error = assertThrows(ErrnoException.class, () -> attach(option), option);
      assertEquals(Errno.EINVAL, error.errno(), error.getMessage());
    }
    for (String option : List.of("format=blktrace", "limit=1", "buffer=1", "buffer=1G")) {
      assertEquals(
          Errno.EINVAL,
          assertThrows(ErrnoException.class, () -> attach("file=" + file, option)).errno());
    }
    assertEquals(
        Errno.ENOENT,
        assertThrows(ErrnoException.class, () -> attach("file=/nonexistent/trace")).errno());
    assertEquals(TraceTool.FAILED, tool("show", directory.resolve("none")));
    assertEquals(TraceTool.FAILED, tool("show", copy));
    assertTrue(printed().contains("EINVAL: this is no trace"), printed());
    assertEquals(TraceTool.USAGE, tool("replay", "x"));
    assertEquals(TraceTool.USAGE, tool());
    assertEquals(TraceTool.DONE, tool("--help"));
  }
}
