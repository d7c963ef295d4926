package io.sluice.registry.osgi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.OriginDevice;
import io.sluice.block.OriginOptions;
import io.sluice.block.OriginProvider;
import io.sluice.block.StorageIdentity;
import io.sluice.filter.AttachRequest;
import io.sluice.filter.DeviceTable;
import io.sluice.filter.Filter;
import io.sluice.filter.FilterHost;
import io.sluice.filter.FilterOperations;
import io.sluice.filter.FilterRegistry;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.ServiceReference;
import org.osgi.framework.ServiceRegistration;
import org.osgi.framework.launch.Framework;
import org.osgi.framework.launch.FrameworkFactory;

/** The bundle in a framework. The API comes from the class path, so that the test can call it. */
@Timeout(120)
final class ActivatorTest {
  @TempDir Path storage;

  private Framework framework;
  private BundleContext context;
  private Bundle bundle;

  /** An origin of nothing, by path. */
  private static final class EmptyProvider implements OriginProvider {
    final String prefix;
    boolean closed;

    EmptyProvider(String prefix) {
      this.prefix = prefix;
    }

    @Override
    public boolean accepts(String path) {
      return path.startsWith(prefix);
    }

    @Override
    public OriginDevice open(String path, OriginOptions options) {
      return new OriginDevice() {
        @Override
        public String path() {
          return prefix + " took " + path;
        }

        @Override
        public StorageIdentity identity() {
          return new StorageIdentity(false, 0, 0);
        }

        @Override
        public DeviceGeometry geometry() {
          return new DeviceGeometry(0, 512, 512, false, false, Set.of(BioOp.READ));
        }

        @Override
        public void submit(Bio bio) {}

        @Override
        public void close() {
          closed = true;
        }
      };
    }
  }

  @BeforeEach
  void setUp() throws Exception {
    FrameworkFactory factory = ServiceLoader.load(FrameworkFactory.class).iterator().next();
    framework =
        factory.newFramework(
            Map.of(
                Constants.FRAMEWORK_STORAGE,
                storage.toString(),
                Constants.FRAMEWORK_SYSTEMPACKAGES_EXTRA,
                Stream.of("block", "export", "filter", "pin", "swap")
                    .map(name -> "io.sluice." + name + ";version=1.0.0")
                    .collect(Collectors.joining(","))));
    framework.start();
    context = framework.getBundleContext();
    String classes = Activator.class.getProtectionDomain().getCodeSource().getLocation().toString();
    bundle = context.installBundle("reference:" + classes);
    bundle.start();
  }

  @AfterEach
  void tearDown() throws Exception {
    framework.stop();
    framework.waitForStop(30_000);
  }

  private <T> T service(Class<T> type) {
    ServiceReference<T> reference = context.getServiceReference(type);
    assertNotNull(reference, type.getSimpleName());
    return context.getService(reference);
  }

  private ServiceRegistration<OriginProvider> provide(OriginProvider provider, int ranking) {
    return context.registerService(
        OriginProvider.class,
        provider,
        FrameworkUtil.asDictionary(Map.of(Constants.SERVICE_RANKING, ranking)));
  }

  @Test
  void exportsNothingAndServesWithoutProviders() {
    assertNull(bundle.getHeaders().get(Constants.EXPORT_PACKAGE));
    DeviceTable devices = service(DeviceTable.class);
    ErrnoException e =
        assertThrows(
            ErrnoException.class, () -> devices.add("disk", "/mem/x", OriginOptions.DEFAULT));
    assertEquals(Errno.EAGAIN, e.errno(), e.getMessage());
    assertEquals(List.of(), service(FilterRegistry.class).filters());
  }

  @Test
  void aLiveDeviceIsAService_fromTheProviderThatRanksHighest() throws Exception {
    EmptyProvider common = new EmptyProvider("/mem/");
    provide(common, 0);
    provide(new EmptyProvider("/mem/special/"), 5);
    DeviceTable devices = service(DeviceTable.class);
    devices.add("plain", "/mem/a", OriginOptions.DEFAULT);
    devices.add("special", "/mem/special/a", OriginOptions.DEFAULT);
    assertEquals(2, context.getServiceReferences(BlockDevice.class, null).size());
    ServiceReference<BlockDevice> reference =
        context
            .getServiceReferences(BlockDevice.class, "(" + BlockDevice.NAME_PROPERTY + "=special)")
            .iterator()
            .next();
    assertEquals("live", reference.getProperty(BlockDevice.ROLE_PROPERTY));
    assertEquals(
        "/mem/special/ took /mem/special/a",
        reference.getProperty(BlockDevice.DESCRIPTION_PROPERTY));
    context.getService(reference).submit(new Bio().flush());
    assertEquals(1, devices.stats("special").flushCount());
    devices.remove("special");
    devices.remove("plain");
    assertTrue(common.closed);
    assertEquals(0, context.getServiceReferences(BlockDevice.class, null).size());
  }

  @Test
  void aProviderThatLeavesTakesItsDevicesAlong() throws Exception {
    EmptyProvider provider = new EmptyProvider("/mem/");
    ServiceRegistration<OriginProvider> registration = provide(provider, 0);
    DeviceTable devices = service(DeviceTable.class);
    devices.add("disk", "/mem/a", OriginOptions.DEFAULT);
    registration.unregister();
    assertTrue(provider.closed);
    assertEquals(List.of(), devices.list());
    assertNull(context.getServiceReference(BlockDevice.class));
  }

  @Test
  void stopDetachesFiltersAndClosesOrigins() throws Exception {
    EmptyProvider provider = new EmptyProvider("/mem/");
    provide(provider, 0);
    service(DeviceTable.class).add("disk", "/mem/a", OriginOptions.DEFAULT);
    List<String> calls = Collections.synchronizedList(new java.util.ArrayList<>());
    FilterRegistry registry = service(FilterRegistry.class);
    registry.register(
        new FilterOperations() {
          @Override
          public String name() {
            return "f";
          }

          @Override
          public Filter attach(FilterHost host, Map<String, String> options) {
            return new Filter() {
              @Override
              public void submit(Bio bio, BlockDevice next) throws ErrnoException {
                next.submit(bio);
              }

              @Override
              public void detach() {
                calls.add("detach, origin closed: " + provider.closed);
              }
            };
          }
        });
    registry.attach(AttachRequest.of("disk", "f"));
    bundle.stop();
    assertEquals(List.of("detach, origin closed: false"), calls);
    assertTrue(provider.closed);
    assertNull(context.getServiceReference(DeviceTable.class));
    assertNull(context.getServiceReference(FilterRegistry.class));
    assertNull(context.getServiceReference(BlockDevice.class));
    bundle.start();
    assertEquals(List.of(), service(DeviceTable.class).list());
  }
}
