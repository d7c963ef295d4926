package io.sluice.blksnap.session;

import static org.junit.jupiter.api.Assertions.assertThrows;

import io.sluice.blksnap.MemoryStores;
import io.sluice.blksnap.NoWaiting;
import io.sluice.blksnap.cow.CopyBuffers;
import io.sluice.blksnap.diff.BatchBuffers;
import io.sluice.blksnap.tracking.BlksnapParameters;
import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.snapshot.SnapshotRequest;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.function.Executable;

/** The engine on one disk in memory. */
abstract class EngineFixture {
  static final int CHUNK = 4096;
  static final int SIZE = 10 * CHUNK + 1000; // a short last chunk
  static final Duration NO_WAIT = Duration.ZERO;

  final MemoryRegistry registry = new MemoryRegistry();
  final Map<String, BlockDevice> published = new LinkedHashMap<>();
  final AtomicLong nextId = new AtomicLong(1);
  final MemoryStores stores = new MemoryStores();
  FileSystems fileSystems = (mountPoints, devices) -> List::of;
  final List<String> log = new CopyOnWriteArrayList<>();
  TrackingStates states = TrackingStates.NONE;
  int batchBytes = CHUNK;
  SnapshotEngine engine;
  MemoryRegistry.Disk disk;
  byte[] before;

  @BeforeEach
  void engineOnOneDisk() {
    engine =
        new SnapshotEngine(
            new EngineEdges(
                registry,
                stores,
                ReentrantLock::new,
                NoWaiting::new,
                states,
                Runnable::run,
                InstantSource.fixed(Instant.EPOCH),
                () -> new UUID(0, nextId.getAndIncrement()),
                (name, description, image) -> {
                  published.put(name, image);
                  return () -> published.remove(name);
                },
                new CopyBuffers(2),
                new CopyBuffers(1),
                new BatchBuffers(64, batchBytes),
                Duration.ofSeconds(1),
                (mountPoints, devices) -> fileSystems.freeze(mountPoints, devices),
                Duration.ofSeconds(1),
                log::add),
            BlksnapParameters.DEFAULT);
    registry.register(engine.operations());
    disk = registry.new Disk("disk", SIZE);
    new Random(7).nextBytes(disk.bytes);
    before = disk.bytes.clone();
  }

  UUID create(long limitBytes, String... devices) throws ErrnoException {
    return engine.create(
        new SnapshotRequest(List.of(devices), "memory", "", limitBytes, CHUNK, "snap"));
  }

  BlockDevice takeOne(long limitBytes) throws ErrnoException {
    engine.take(create(limitBytes, "disk"));
    return published.get("disk@snap");
  }

  static byte[] read(BlockDevice device, int offset, int length) throws ErrnoException {
    byte[] bytes = new byte[length];
    device.submit(new Bio().read(offset, ByteBuffer.wrap(bytes)));
    return bytes;
  }

  static byte[] readAll(BlockDevice device) throws ErrnoException {
    return read(device, 0, SIZE);
  }

  static Errno errnoOf(Executable call) {
    return assertThrows(ErrnoException.class, call).errno();
  }

  static byte[] filled(int length, int value) {
    byte[] bytes = new byte[length];
    Arrays.fill(bytes, (byte) value);
    return bytes;
  }
}
