package io.sluice.fault;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.Filter;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Bios that wait, and what lets them go. */
@Timeout(60)
class WaitingTest {
  private final MemoryDisk disk = new MemoryDisk(4096);
  private final ExecutorService clients = Executors.newCachedThreadPool();
  private Filter filter;

  @BeforeEach
  void attach() throws ErrnoException {
    filter = new FaultOperations().attach(null, Map.of());
  }

  @AfterEach
  void end() {
    filter.detach();
    clients.shutdownNow();
  }

  private Map<String, Object> ctl(String line) throws ErrnoException {
    List<String> words = List.of(line.split(" "));
    return filter.ctl(words.get(0), words.subList(1, words.size()));
  }

  /** Submits flushes, each in a thread of its own, and returns once all of them wait. */
  private List<Future<Void>> hung(int count) throws ErrnoException {
    List<Future<Void>> flushes = new ArrayList<>();
    Callable<Void> flush =
        () -> {
          filter.submit(new Bio().flush(), disk);
          return null;
        };
    for (int i = 0; i < count; i++) {
      flushes.add(clients.submit(flush));
    }
    while (!ctl("list").toString().contains("waiting=" + count)) {
      Thread.onSpinWait();
    }
    assertTrue(flushes.stream().noneMatch(Future::isDone), "none is complete");
    return flushes;
  }

  private static void complete(List<Future<Void>> flushes) throws Exception {
    for (Future<Void> flush : flushes) {
      assertNull(flush.get(30, TimeUnit.SECONDS));
    }
  }

  @Test
  void releaseLetsThoseGoThatWaitNow() throws Exception {
    ctl("add hang op=flush");
    List<Future<Void>> first = hung(3);
    assertEquals(Map.of("released", 3), ctl("release"));
    complete(first);
    assertEquals(3, disk.bios.size(), "went on to the disk");
    List<Future<Void>> second = hung(1);
    assertEquals(Map.of("released", 1), ctl("release 1"));
    complete(second);
  }

  @Test
  void aHangMayEndInAnError() throws Exception {
    ctl("add hang op=flush errno=ETIMEDOUT");
    Future<Void> flush = hung(1).get(0);
    ctl("release");
    try {
      flush.get(30, TimeUnit.SECONDS);
      throw new AssertionError("completed");
    } catch (ExecutionException e) {
      assertEquals(Errno.ETIMEDOUT, ((ErrnoException) e.getCause()).errno());
    }
    assertEquals(List.of(), disk.bios);
  }

  @Test
  void removeAndClearLetGo() throws Exception {
    ctl("add hang op=flush");
    List<Future<Void>> flushes = hung(1);
    ctl("remove 1");
    complete(flushes);
    ctl("add delay op=flush delay=60m");
    flushes = hung(2);
    ctl("clear");
    complete(flushes);
  }

  @Test
  void aDetachWaitsForNobody() throws Exception {
    ctl("add hang op=flush");
    List<Future<Void>> flushes = hung(4);
    filter.checkDetach();
    complete(flushes);
    filter.submit(new Bio().flush(), disk);
    assertTrue(ctl("list").toString().contains("state=disarmed"));
    assertEquals("hang op=flush id=1", filter.options(Map.of()).get("rules"), "for a successor");
  }

  @Test
  void faultsOfTheDeviceLetGo() throws Exception {
    ctl("add hang op=flush");
    List<Future<Void>> flushes = hung(1);
    filter.deviceLost("the file is gone");
    complete(flushes);
    ctl("clear");
    ctl("add hang op=flush");
    flushes = hung(1);
    filter.quarantined("took too long");
    complete(flushes);
  }

  @Test
  void anInterruptEndsAWaitAndIsKept() throws Exception {
    ctl("add hang op=flush");
    boolean[] interrupted = new boolean[1];
    Thread client =
        new Thread(
            () -> {
              try {
                filter.submit(new Bio().flush(), disk);
                interrupted[0] = Thread.currentThread().isInterrupted();
              } catch (ErrnoException e) {
                throw new AssertionError(e);
              }
            });
    client.start();
    client.interrupt();
    client.join(30_000);
    assertTrue(interrupted[0], "the flag");
    assertEquals(List.of("FLUSH 0+0"), disk.bios);
  }

  @Test
  void aDelayEndsByItself() throws Exception {
    ctl("add delay op=flush delay=2ms");
    long from = System.nanoTime();
    filter.submit(new Bio().flush(), disk);
    assertTrue(System.nanoTime() - from >= 2_000_000, "waited");
    assertEquals(List.of("FLUSH 0+0"), disk.bios);
  }
}
