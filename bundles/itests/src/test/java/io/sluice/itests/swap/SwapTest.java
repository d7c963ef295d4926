package io.sluice.itests.swap;

import static io.sluice.itests.InFramework.BLOCK_SIZE_BYTES;
import static io.sluice.itests.InFramework.DEVICE_SIZE_BYTES;
import static io.sluice.itests.InFramework.filled;
import static io.sluice.itests.InFramework.read;
import static io.sluice.itests.InFramework.write;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceRole;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.OriginOptions;
import io.sluice.export.Exporter;
import io.sluice.filter.AttachRequest;
import io.sluice.filter.DeviceStats;
import io.sluice.filter.DeviceTable;
import io.sluice.filter.FilterRegistry;
import io.sluice.itests.InFramework;
import io.sluice.itests.exam.PaxExam;
import io.sluice.itests.pins.ShuffledProduct;
import io.sluice.itests.pins.XorActivator;
import io.sluice.itests.pins.XorBundle;
import io.sluice.snapshot.ChangeTracking;
import io.sluice.snapshot.SnapshotControl;
import io.sluice.snapshot.SnapshotRequest;
import io.sluice.swap.BundleSwap;
import io.sluice.swap.SwapReport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.ops4j.pax.exam.Configuration;
import org.ops4j.pax.exam.Option;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleException;
import org.osgi.framework.FrameworkUtil;

/**
 * Bundles replaced in the product under writers that check every block. The bundles are started in
 * an order of chance.
 */
@PaxExam
@Timeout(300)
class SwapTest {
  private static final int SWAP_COUNT = 20;
  private static final int WRITES_BETWEEN = 20;
  private static final long SEED = 20261121;

  @TempDir Path scratch;
  private BundleContext context;
  private InFramework in;
  private BlockDevice disk;

  @Configuration
  static Option[] configuration() throws IOException {
    return ShuffledProduct.options("SwapTest");
  }

  @BeforeEach
  void addDisk() throws Exception {
    context = FrameworkUtil.getBundle(getClass()).getBundleContext();
    in = new InFramework(context);
    in.service(DeviceTable.class)
        .add("disk", InFramework.file(scratch, "disk.img"), OriginOptions.DEFAULT);
    disk = in.device("disk", DeviceRole.LIVE);
  }

  @AfterEach
  void removeDisk() throws Exception {
    in.service(DeviceTable.class).remove("disk");
    in.close();
  }

  private byte[] origin() throws IOException {
    return Files.readAllBytes(scratch.resolve("disk.img"));
  }

  private SwapReport swap(Bundle bundle, java.io.InputStream content) throws Exception {
    SwapReport report = in.service(BundleSwap.class).swap(bundle.getBundleId(), content);
    assertEquals(Bundle.ACTIVE, bundle.getState());
    return report;
  }

  @Test
  void aFilterIsReplacedUnderWriters() throws Exception {
    FilterRegistry filters = in.service(FilterRegistry.class);
    Bundle xor = context.installBundle(XorBundle.SYMBOLIC_NAME, XorBundle.content("1.0.0"));
    xor.start();
    filters.attach(AttachRequest.of("disk", XorActivator.NAME));
    for (int at = 0; at < DEVICE_SIZE_BYTES; at += BLOCK_SIZE_BYTES) {
      write(disk, at, new byte[BLOCK_SIZE_BYTES]);
    }
    Writers writers = Writers.start(disk, DEVICE_SIZE_BYTES, SEED);
    long longestNanos = 0;
    for (int i = 1; i <= SWAP_COUNT; i++) {
      writers.awaitMore(WRITES_BETWEEN);
      assertThrows(BundleException.class, () -> xor.update(XorBundle.content("9.9.9")), "by hand");
      SwapReport report = swap(xor, XorBundle.content("1.0." + i));
      assertEquals("1.0." + (i - 1), report.versionBefore());
      assertEquals("1.0." + i, report.versionNow());
      assertEquals(XorBundle.SYMBOLIC_NAME + " 1.0." + i, filters.chain("disk").get(0).provider());
      longestNanos = Math.max(longestNanos, report.holdNanos());
    }
    writers.awaitMore(WRITES_BETWEEN);
    long writeCount = writers.stop();
    System.out.println(
        "SwapTest: "
            + SWAP_COUNT
            + " swaps of a filter, "
            + writeCount
            + " writes, longest hold "
            + longestNanos / 1000
            + " us");

    DeviceStats stats = in.service(DeviceTable.class).stats("disk");
    assertEquals(0, stats.errorCount());
    assertEquals(
        writeCount + DEVICE_SIZE_BYTES / BLOCK_SIZE_BYTES, stats.writeCount(), "none was doubled");
    byte[] expected = writers.model();
    for (int i = 0; i < expected.length; i++) {
      expected[i] = (byte) ~expected[i];
    }
    assertArrayEquals(expected, origin(), "each block has passed one filter");
    filters.detach("disk", XorActivator.NAME);
    xor.uninstall();
  }

  @Test
  void aStoresProviderIsReplacedUnderAHeldSnapshot() throws Exception {
    FilterRegistry filters = in.service(FilterRegistry.class);
    SnapshotControl snapshots = in.service(SnapshotControl.class);
    filters.attach(AttachRequest.of("disk", ChangeTracking.FILTER_NAME));
    byte[] before = filled('s');
    for (int at = 0; at < DEVICE_SIZE_BYTES; at += BLOCK_SIZE_BYTES) {
      write(disk, at, before);
    }
    UUID snapshot =
        snapshots.create(
            new SnapshotRequest(List.of("disk"), "dir", scratch.toString(), 0, 0, "swap"));
    snapshots.take(snapshot);
    BlockDevice image = in.device("disk@swap", DeviceRole.IMAGE);
    Bundle store = in.bundle("io.sluice.diffstore.file");
    Writers writers = Writers.start(disk, DEVICE_SIZE_BYTES, SEED);
    for (int i = 0; i < SWAP_COUNT; i++) {
      writers.awaitMore(WRITES_BETWEEN);
      assertThrows(BundleException.class, store::update, "by hand");
      swap(store, null);
      for (int at = 0; at < DEVICE_SIZE_BYTES; at += DEVICE_SIZE_BYTES / 16) {
        assertArrayEquals(before, read(image, at), "of the image, at " + at + ", swap " + i);
      }
    }
    writers.awaitMore(WRITES_BETWEEN);
    long unused = writers.stop();
    for (int at = 0; at < DEVICE_SIZE_BYTES; at += BLOCK_SIZE_BYTES) {
      assertArrayEquals(before, read(image, at), "of the image in the end, at " + at);
    }
    assertEquals(0, in.service(DeviceTable.class).stats("disk").errorCount());

    Bundle blksnap = in.bundle("io.sluice.snapshot.bundle");
    ErrnoException refused = assertThrows(ErrnoException.class, () -> swap(blksnap, null));
    assertEquals(Errno.EBUSY, refused.errno(), refused.getMessage());
    snapshots.destroy(snapshot);
    filters.detach("disk", ChangeTracking.FILTER_NAME);
  }

  @Test
  void theExporterIsReplaced_theOriginsAreNot() throws Exception {
    Bundle nbd = in.exporter("nbd") == null ? null : in.bundle("io.sluice.export.nbd");
    swap(nbd, null);
    Exporter exporter = in.exporter("nbd");
    assertTrue(
        exporter.list().stream().anyMatch(export -> export.device().equals("disk")),
        "exports: " + exporter.list());

    Bundle origins = in.bundle("io.sluice.origin.file");
    ErrnoException refused = assertThrows(ErrnoException.class, () -> swap(origins, null));
    assertEquals(Errno.EBUSY, refused.errno(), refused.getMessage());
    assertTrue(refused.getMessage().contains("disk"), refused.getMessage());
    write(disk, 0, filled('o'));
    assertArrayEquals(filled('o'), read(disk, 0));
  }
}
