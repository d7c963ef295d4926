package io.sluice.itests.cut;

import static io.sluice.itests.InFramework.BLOCK_SIZE_BYTES;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceRole;
import io.sluice.block.OriginOptions;
import io.sluice.filter.AttachRequest;
import io.sluice.filter.DeviceTable;
import io.sluice.filter.FilterRegistry;
import io.sluice.itests.InFramework;
import io.sluice.itests.exam.PaxExam;
import io.sluice.itests.pins.ShuffledProduct;
import io.sluice.snapshot.ChangeTracking;
import io.sluice.snapshot.SnapshotControl;
import io.sluice.snapshot.SnapshotRequest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.ops4j.pax.exam.Configuration;
import org.ops4j.pax.exam.Option;
import org.osgi.framework.BundleContext;
import org.osgi.framework.FrameworkUtil;

/**
 * Takes of many devices in the product, under writers that write to one device after the other: no
 * image may have a write without all that was acknowledged before it.
 */
@PaxExam
@Timeout(300)
class OneCutTest {
  /** How long the devices of a cut should be held at most. Told, not asserted: machines differ. */
  private static final long HOLD_MARK_NANOS = 50_000_000L;

  /** Rounds that the writers make before a take. */
  private static final int ROUNDS_BETWEEN = 2;

  @TempDir Path scratch;
  private InFramework in;
  private final List<String> names = new ArrayList<>();

  @Configuration
  static Option[] configuration() throws IOException {
    return ShuffledProduct.options("OneCutTest");
  }

  private List<BlockDevice> add(int count) throws Exception {
    BundleContext context = FrameworkUtil.getBundle(getClass()).getBundleContext();
    in = new InFramework(context);
    List<BlockDevice> devices = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      String name = "disk" + i;
      in.service(DeviceTable.class)
          .add(name, InFramework.file(scratch, name + ".img"), OriginOptions.DEFAULT);
      names.add(name);
      in.service(FilterRegistry.class).attach(AttachRequest.of(name, ChangeTracking.FILTER_NAME));
      devices.add(in.device(name, DeviceRole.LIVE));
    }
    return devices;
  }

  @AfterEach
  void removeDisks() throws Exception {
    for (String name : names) {
      in.service(FilterRegistry.class).detach(name, ChangeTracking.FILTER_NAME);
      in.service(DeviceTable.class).remove(name);
    }
    in.close();
  }

  @Test
  void neverALaterWriteWithoutTheEarlier_200TakesOf4Devices() throws Exception {
    run(4, 200);
  }

  @Test
  void neverALaterWriteWithoutTheEarlier_20TakesOf32Devices() throws Exception {
    run(32, 20);
  }

  private void run(int deviceCount, int takeCount) throws Exception {
    OrderedWriters writers = OrderedWriters.start(add(deviceCount));
    long[] holdNanos = new long[takeCount];
    long lastRound = 0;
    for (int take = 0; take < takeCount; take++) {
      writers.awaitRounds(ROUNDS_BETWEEN);
      lastRound = takeAndCheck("cut" + take, holdNanos, take);
    }
    writers.stop();
    assertTrue(lastRound > 0, "the images have what was written");
    for (String name : names) {
      assertEquals(0, in.service(DeviceTable.class).stats(name).errorCount(), "errors of " + name);
    }
    Arrays.sort(holdNanos);
    long overMark = Arrays.stream(holdNanos).filter(nanos -> nanos > HOLD_MARK_NANOS).count();
    System.out.printf(
        "OneCutTest: %d takes of %d devices under %d writers, %d rounds: held for %d us (median),"
            + " %d us (most); %d above the mark of %d ms%n",
        takeCount,
        deviceCount,
        OrderedWriters.COUNT,
        lastRound,
        holdNanos[takeCount / 2] / 1000,
        holdNanos[takeCount - 1] / 1000,
        overMark,
        HOLD_MARK_NANOS / 1_000_000);
  }

  private long takeAndCheck(String name, long[] holdNanos, int take) throws Exception {
    SnapshotControl snapshots = in.service(SnapshotControl.class);
    UUID id = snapshots.create(new SnapshotRequest(names, "dir", scratch.toString(), 0, 0, name));
    holdNanos[take] = snapshots.take(id).holdNanos();
    long newestRound = 0;
    try (InFramework images =
        new InFramework(FrameworkUtil.getBundle(getClass()).getBundleContext())) {
      List<BlockDevice> devices = new ArrayList<>();
      for (String disk : names) {
        devices.add(images.device(disk + "@" + name, DeviceRole.IMAGE));
      }
      for (int writer = 0; writer < OrderedWriters.COUNT; writer++) {
        newestRound = Math.max(newestRound, check(name, devices, writer));
      }
    }
    snapshots.destroy(id);
    return newestRound;
  }

  /**
   * A round is written to the devices in their order, and begins when the one before is on all of
   * them; so in a cut some first devices have the newest round, and the others the one before.
   */
  private static long check(String name, List<BlockDevice> images, int writer) throws Exception {
    long[] rounds = new long[images.size()];
    for (int device = 0; device < rounds.length; device++) {
      rounds[device] = newestRound(images.get(device), writer);
      String found = name + ", writer " + writer + ": newest rounds " + Arrays.toString(rounds);
      assertTrue(device == 0 || rounds[device] <= rounds[device - 1], found);
      assertTrue(rounds[device] >= rounds[0] - 1, found);
    }
    return rounds[0];
  }

  /** The newest round that a writer has on an image, where all rounds before it must be, too. */
  private static long newestRound(BlockDevice image, int writer) throws Exception {
    long[] found = new long[OrderedWriters.SLOT_COUNT];
    for (int slot = 0; slot < found.length; slot++) {
      byte[] block = InFramework.read(image, OrderedWriters.offsetBytes(writer, slot));
      found[slot] = ByteBuffer.wrap(block).getLong();
      ByteBuffer last = ByteBuffer.wrap(block).position(BLOCK_SIZE_BYTES - Long.BYTES);
      assertEquals(found[slot], last.getLong(), "a block is of one write");
    }
    long newest = Arrays.stream(found).max().getAsLong();
    for (long round = Math.max(1, newest - found.length + 1); round <= newest; round++) {
      assertEquals(round, found[(int) (round % found.length)], "older rounds are there, too");
    }
    return newest;
  }
}
