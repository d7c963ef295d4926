package io.sluice.itests.pins;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.itests.InFramework;
import java.nio.file.Path;
import org.eclipse.osgi.launch.EquinoxFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleException;
import org.osgi.framework.FrameworkEvent;

/**
 * The product's bundles in Equinox, which can't refuse: a bundle in use that stops is let go of
 * before it has stopped, and clients do not notice.
 */
class ForeignFrameworkTest {
  private static final String FILTER = "io.sluice.filter.fault";
  private static final String SNAPSHOTS = "io.sluice.snapshot.bundle";
  private static final String STORE = "io.sluice.diffstore.file";

  @TempDir Path scratch;
  private ProductFramework product;

  @BeforeEach
  void start() throws Exception {
    product = new ProductFramework(new EquinoxFactory(), scratch, "ForeignFrameworkTest");
    assertNull(
        product.context().getServiceReference("io.sluice.pin.BundlePins"), "nobody can pin here");
    product.done("add disk " + InFramework.file(scratch, "disk.img"));
    product.done("attach disk fault");
    product.done("attach disk blksnap");
  }

  @AfterEach
  void stop() throws Exception {
    assertEquals(FrameworkEvent.STOPPED, product.stop());
  }

  private void restart(Bundle bundle) throws BundleException {
    bundle.start();
    product.assertAllActive();
  }

  @Test
  void bundlesInUseStopUnderIo() throws Exception {
    product.ask("take disk " + scratch + " held");
    assertEquals("disk@held good", product.ask("images"));
    assertEquals("blksnap fault", product.ask("chain disk"));
    product.startClients("disk", 3);

    Bundle filter = product.bundle(FILTER);
    filter.stop();
    assertEquals(Bundle.RESOLVED, filter.getState());
    assertEquals("blksnap", product.ask("chain disk"));
    restart(filter);
    product.done("attach disk fault");

    Bundle store = product.bundle(STORE);
    store.stop();
    assertEquals("disk@held lost", product.ask("images"));
    restart(store);

    Bundle snapshots = product.bundle(SNAPSHOTS);
    snapshots.stop();
    assertEquals("fault", product.ask("chain disk"));
    restart(snapshots);
    assertEquals("", product.ask("images"));
    product.done("attach disk blksnap");
    String again = product.ask("take disk " + scratch + " again");
    assertEquals("disk@again good", product.ask("images"), again);
    product.done("destroy " + again);
    product.joinClients();
  }

  @Test
  void anUpdateAndARefreshLetGoAsWell() throws Exception {
    product.startClients("disk", 2);
    Bundle filter = product.bundle(FILTER);
    filter.update();
    assertEquals("blksnap", product.ask("chain disk"));
    product.assertAllActive();
    product.done("attach disk fault");
    filter.uninstall();
    assertEquals("blksnap", product.ask("chain disk"));
    product.joinClients();
    assertTrue(product.ask("attach disk fault").contains("ENOENT"), "it is not there any more");
  }
}
