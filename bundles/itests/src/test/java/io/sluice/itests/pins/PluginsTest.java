package io.sluice.itests.pins;

import static io.sluice.itests.InFramework.filled;
import static io.sluice.itests.InFramework.read;
import static io.sluice.itests.InFramework.write;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceRole;
import io.sluice.block.OriginOptions;
import io.sluice.filter.AttachRequest;
import io.sluice.filter.DeviceTable;
import io.sluice.filter.FilterRegistry;
import io.sluice.itests.InFramework;
import io.sluice.itests.exam.PaxExam;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.ops4j.pax.exam.Configuration;
import org.ops4j.pax.exam.CoreOptions;
import org.ops4j.pax.exam.Option;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleEvent;
import org.osgi.framework.FrameworkEvent;
import org.osgi.framework.FrameworkListener;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.SynchronousBundleListener;

/** A filter's jar comes into the plugins directory, is replaced, and goes, while it is in use. */
@PaxExam
class PluginsTest {
  private static final long LIMIT_SECONDS = 30;

  @TempDir Path scratch;
  private BundleContext context;
  private InFramework in;
  private Path jar;

  /** {@code "version event"} of the filter's bundle, noted before its version can change. */
  private final BlockingQueue<String> events = new LinkedBlockingQueue<>();

  /** What File Install could not do. */
  private final BlockingQueue<String> complaints = new LinkedBlockingQueue<>();

  /** An entry for each refresh that is through: File Install ends its rounds with one. */
  private final BlockingQueue<String> refreshes = new LinkedBlockingQueue<>();

  private final FrameworkListener refreshListener =
      event -> {
        if (event.getType() == FrameworkEvent.PACKAGES_REFRESHED) {
          refreshes.add("refreshed");
        }
      };

  private final SynchronousBundleListener listener = this::note;
  private final Handler handler = new Complaints();

  @Configuration
  static Option[] configuration() throws IOException {
    return ShuffledProduct.options(
        "PluginsTest",
        CoreOptions.frameworkProperty("felix.fileinstall.log.level").value("3"),
        CoreOptions.frameworkProperty("felix.fileinstall.log.default").value("jul"));
  }

  /** Of the platform's log, in which File Install writes. */
  private final class Complaints extends Handler {
    @Override
    public void publish(LogRecord entry) {
      if (entry.getThrown() != null) {
        complaints.add(entry.getMessage() + ": " + entry.getThrown().getMessage());
      }
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
  }

  private void note(BundleEvent event) {
    Bundle bundle = event.getBundle();
    if (XorBundle.SYMBOLIC_NAME.equals(bundle.getSymbolicName())) {
      switch (event.getType()) {
        case BundleEvent.STARTED -> events.add(bundle.getVersion() + " started");
        case BundleEvent.STOPPED -> events.add(bundle.getVersion() + " stopped");
        case BundleEvent.UNINSTALLED -> events.add(bundle.getVersion() + " uninstalled");
        default -> {
          // Steps between these.
        }
      }
    }
  }

  @BeforeEach
  void addDevice() throws Exception {
    context = FrameworkUtil.getBundle(getClass()).getBundleContext();
    in = new InFramework(context);
    jar = Path.of(context.getProperty("felix.fileinstall.dir")).resolve("xor.jar");
    context.addBundleListener(listener);
    context.addFrameworkListener(refreshListener);
    Logger.getLogger("").addHandler(handler);
    in.service(DeviceTable.class)
        .add("disk", InFramework.file(scratch, "disk.img"), OriginOptions.DEFAULT);
  }

  @AfterEach
  void tidy() throws Exception {
    Logger.getLogger("").removeHandler(handler);
    context.removeBundleListener(listener);
    context.removeFrameworkListener(refreshListener);
    Files.deleteIfExists(jar);
    FilterRegistry filters = in.service(FilterRegistry.class);
    if (!filters.chain("disk").isEmpty()) {
      filters.detach("disk", XorActivator.NAME);
    }
    in.service(DeviceTable.class).remove("disk");
    in.close();
  }

  private static String next(BlockingQueue<String> queue) throws InterruptedException {
    String first = queue.poll(LIMIT_SECONDS, TimeUnit.SECONDS);
    assertNotNull(first, "within " + LIMIT_SECONDS + " s");
    return first;
  }

  private void assertFiltered() throws Exception {
    BlockDevice disk = in.device("disk", DeviceRole.LIVE);
    write(disk, 0, filled('x'));
    assertArrayEquals(filled('x'), read(disk, 0));
    assertEquals((byte) ~'x', Files.readAllBytes(scratch.resolve("disk.img"))[0], "in the origin");
  }

  @Test
  void aJarComesIsReplacedAndGoesWhileNothingUsesIt() throws Exception {
    XorBundle.drop(jar, "1.0.0", System.currentTimeMillis());
    assertEquals("1.0.0 started", next(events));
    replace("2.0.0");
    assertEquals("1.0.0 stopped", next(events));
    assertEquals("2.0.0 started", next(events));
    Files.delete(jar);
    assertEquals("2.0.0 stopped", next(events));
    assertEquals("2.0.0 uninstalled", next(events));
  }

  @Test
  void aJarThatIsReplacedInUseWaitsForTheDetach() throws Exception {
    FilterRegistry filters = dropAndAttach();
    replace("2.0.0");
    assertComplaint(" refused: bundle outside.xor [");
    assertEquals("1.0.0", in.bundle(XorBundle.SYMBOLIC_NAME).getVersion().toString());
    assertFiltered();

    filters.detach("disk", XorActivator.NAME);
    replace("3.0.0");
    assertEquals("1.0.0 stopped", next(events));
    assertEquals("3.0.0 started", next(events));
    filters.attach(AttachRequest.of("disk", XorActivator.NAME));
    assertFiltered();
    filters.detach("disk", XorActivator.NAME);
    Files.delete(jar);
    assertEquals("3.0.0 stopped", next(events));
    assertEquals("3.0.0 uninstalled", next(events));
  }

  @Test
  void aFilterInUseOutlivesItsJar() throws Exception {
    FilterRegistry filters = dropAndAttach();
    assertEquals("refreshed", next(refreshes), "the round that installed it");
    Files.delete(jar);
    assertComplaint("uninstall refused: bundle outside.xor [");
    Bundle xor = in.bundle(XorBundle.SYMBOLIC_NAME);
    assertEquals(Bundle.ACTIVE, xor.getState());
    assertFiltered();
    assertEquals("refreshed", next(refreshes), "the round that could not uninstall it");

    // It is forgotten by File Install now, so it goes by command.
    filters.detach("disk", XorActivator.NAME);
    xor.uninstall();
    assertEquals("1.0.0 stopped", next(events));
    assertEquals("1.0.0 uninstalled", next(events));
  }

  private FilterRegistry dropAndAttach() throws Exception {
    XorBundle.drop(jar, "1.0.0", System.currentTimeMillis());
    assertEquals("1.0.0 started", next(events));
    FilterRegistry filters = in.service(FilterRegistry.class);
    filters.attach(AttachRequest.of("disk", XorActivator.NAME));
    return filters;
  }

  private void assertComplaint(String start) throws InterruptedException {
    String complaint = next(complaints);
    assertTrue(complaint.contains(start), complaint);
    assertTrue(complaint.contains("in use by filter xor on device disk;"), complaint);
  }

  /** File Install goes by time of change and size, and both versions may be made in one tick. */
  private void replace(String version) throws IOException {
    XorBundle.drop(jar, version, Files.getLastModifiedTime(jar).toMillis() + 10_000);
  }
}
