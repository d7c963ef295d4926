package io.sluice.trace.recorder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.trace.format.TraceFormat;
import java.nio.ByteBuffer;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class RecordRingTest {
  private static final int CAPACITY = 64 << 10;
  private static final int PRODUCERS = 4;
  private static final int RECORDS_EACH = 2_000;

  @Test
  void aRecordIsSeenWhenItIsCommitted() {
    RecordRing ring = new RecordRing(CAPACITY);
    int first = ring.claim(64);
    int second = ring.claim(72);
    ring.commit(second, 72);
    assertEquals(0, ring.committed(CAPACITY).remaining(), "the first is not committed yet");
    ring.commit(first, 64);
    assertEquals(136, ring.committed(CAPACITY).remaining());
    assertEquals(64, ring.committed(1).remaining(), "at least one record");
    ring.take(64);
    assertEquals(72, ring.committed(CAPACITY).remaining());
  }

  @Test
  void aFullRingRefusesAndLosesNothing() {
    RecordRing ring = new RecordRing(CAPACITY);
    int count = 0;
    for (int index = ring.claim(1000); index >= 0; index = ring.claim(1000)) {
      ring.bytes().putInt(index + 8, count++);
      ring.commit(index, 1000);
    }
    assertEquals(CAPACITY / 1000, count);
    ByteBuffer records = ring.committed(CAPACITY);
    assertEquals(count * 1000, records.remaining());
    for (int i = 0; i < count; i++) {
      assertEquals(i, records.getInt(i * 1000 + 8));
    }
    ring.take(count * 1000);
    assertEquals(0, ring.usedBytes());
    assertTrue(ring.claim(ring.recordMaxBytes()) >= 0, "the longest fits across the end");
  }

  /** Each record says who put it in, which of theirs it is, and has a pattern up to its end. */
  @Test
  void manyProducersAndOneConsumerKeepEachRecordWhole() throws Exception {
    RecordRing ring = new RecordRing(CAPACITY);
    ExecutorService producers = Executors.newFixedThreadPool(PRODUCERS);
    AtomicInteger running = new AtomicInteger(PRODUCERS);
    Future<?>[] ends = new Future<?>[PRODUCERS];
    for (int p = 0; p < PRODUCERS; p++) {
      int producer = p;
      ends[p] =
          producers.submit(
              () -> {
                produce(ring, producer);
                running.decrementAndGet();
              });
    }
    int[] next = new int[PRODUCERS];
    boolean last = false;
    while (!last) {
      last = running.get() == 0;
      ByteBuffer records = ring.committed(8192);
      while (records.hasRemaining()) {
        consume(records, next);
        ring.take(records.limit());
        records = ring.committed(8192);
      }
    }
    for (int p = 0; p < PRODUCERS; p++) {
      ends[p].get(30, TimeUnit.SECONDS);
      assertEquals(RECORDS_EACH, next[p], "records of producer " + p + " (its Random's seed)");
    }
    producers.shutdown();
  }

  private static void produce(RecordRing ring, int producer) {
    Random random = new Random(producer);
    for (int i = 0; i < RECORDS_EACH; i++) {
      int recordBytes = 64 + 8 * random.nextInt(100);
      int index = ring.claim(recordBytes);
      while (index < 0) {
        Thread.onSpinWait();
        index = ring.claim(recordBytes);
      }
      ring.bytes().putInt(index + 4, producer).putInt(index + 8, i);
      for (int at = 12; at < recordBytes; at += 4) {
        ring.bytes().putInt(index + at, i + at);
      }
      ring.commit(index, recordBytes);
    }
  }

  private static void consume(ByteBuffer records, int[] next) {
    int from = 0;
    while (from < records.limit()) {
      int recordBytes = records.getInt(from + TraceFormat.AT_RECORD_BYTES);
      int producer = records.getInt(from + 4);
      int i = records.getInt(from + 8);
      assertEquals(next[producer]++, i, "of producer " + producer);
      for (int at = 12; at < recordBytes; at += 4) {
        assertEquals(i + at, records.getInt(from + at), "record " + i + " of " + producer);
      }
      from += recordBytes;
    }
  }
}
