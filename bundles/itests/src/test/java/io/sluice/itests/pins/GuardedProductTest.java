package io.sluice.itests.pins;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.itests.InFramework;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.apache.felix.framework.GuardedFrameworkFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleEvent;
import org.osgi.framework.BundleException;
import org.osgi.framework.FrameworkEvent;
import org.osgi.framework.SynchronousBundleListener;

/** The product's bundles in the agent's framework: its end, its restart, and many at once. */
class GuardedProductTest {
  private static final long LIMIT_SECONDS = 40;
  private static final String FILTER = "io.sluice.filter.fault";
  private static final String EXPORT = "io.sluice.export.nbd";

  @TempDir Path scratch;
  private ProductFramework product;

  @BeforeEach
  void start() throws Exception {
    product = new ProductFramework(new GuardedFrameworkFactory(), scratch, "GuardedProductTest");
  }

  @AfterEach
  void stop() throws Exception {
    product.stop();
  }

  private void addDisk(String name) throws Exception {
    product.done("add " + name + " " + InFramework.file(scratch, name + ".img"));
  }

  @Test
  void exportsStopFirstThenSnapshotsAndFiltersThenTheDevices() throws Exception {
    addDisk("disk");
    product.done("attach disk fault");
    product.done("attach disk blksnap");
    product.ask("take disk " + scratch + " held");
    List<String> order = new CopyOnWriteArrayList<>();
    product
        .context()
        .addBundleListener(
            (SynchronousBundleListener)
                event -> {
                  if (event.getType() == BundleEvent.STOPPING) {
                    String name = event.getBundle().getSymbolicName();
                    order.add(name);
                    if (name.equals(EXPORT)) {
                      order.add("chain: " + product.ask("chain disk"));
                      order.add("images: " + product.ask("images"));
                    }
                    if (name.equals("probe")) {
                      order.add("chain: " + product.ask("chain disk"));
                      order.add("devices: " + product.ask("devices"));
                    }
                  }
                });
    assertEquals(FrameworkEvent.STOPPED, product.stop());
    List<String> wanted =
        List.of(
            "org.apache.felix.framework",
            EXPORT,
            "chain: blksnap fault",
            "images: disk@held good",
            "io.sluice.snapshot.bundle",
            "probe",
            "chain: ",
            "devices: 1",
            "io.sluice.filter.registry",
            "io.sluice.origin.file",
            "io.sluice.filter.api");
    assertEquals(wanted, order.stream().filter(wanted::contains).toList(), () -> "all: " + order);
  }

  @Test
  void afterARestartAllIsThereAndPinsHoldAgain() throws Exception {
    addDisk("disk");
    product.done("attach disk fault");
    product.framework.update();
    assertEquals(
        FrameworkEvent.STOPPED_UPDATE,
        product.framework.waitForStop(TimeUnit.SECONDS.toMillis(LIMIT_SECONDS)).getType());
    // The framework starts itself again, and this waits for it.
    product.framework.start();
    product.assertAllActive();
    assertEquals("1", product.ask("devices"), "as it was set up");
    addDisk("again");
    product.done("attach again fault");
    Bundle filter = product.bundle(FILTER);
    String refusal = assertThrows(BundleException.class, filter::stop).getMessage();
    assertTrue(refusal.contains("filter fault on device again;"), refusal);
  }

  @Test
  void nothingInUseIsTakenDownWhileThreadsAttachStopAndRefresh() throws Exception {
    List<String> devices = List.of("one", "two");
    for (String device : devices) {
      addDisk(device);
      product.startClients(device, 1);
    }
    AttachRace race = new AttachRace(product, product.bundle(FILTER), "fault");
    race.run(devices);
    product.joinClients();
  }
}
