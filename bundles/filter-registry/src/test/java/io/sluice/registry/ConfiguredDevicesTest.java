package io.sluice.registry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.OriginOptions;
import io.sluice.filter.AttachRequest;
import io.sluice.filter.ChainEntry;
import io.sluice.filter.DeviceTable;
import io.sluice.filter.FilterRegistry;
import io.sluice.pin.BundlePins;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** Devices are there again after a restart, with all their filters or not at all. */
class ConfiguredDevicesTest {
  /** What outlives an agent. */
  private static final class MemoryStore implements SetupStore {
    final Map<String, Map<String, Object>> kept = new TreeMap<>();
    boolean broken;

    @Override
    public List<Map<String, Object>> read() {
      return List.copyOf(kept.values());
    }

    @Override
    public void write(String device, Map<String, Object> properties) throws IOException {
      if (broken) {
        throw new IOException("no space left");
      }
      kept.put(device, properties);
    }

    @Override
    public boolean delete(String device) {
      return kept.remove(device) != null;
    }
  }

  /** One run of the agent. */
  private static final class Run {
    final Fixture fixture = new Fixture(Fixture.PATIENCE);
    final ConfiguredDevices configured = new ConfiguredDevices(fixture.registry);
    final DeviceTable devices = new JournalledDevices(fixture.registry.devices(), configured);
    final FilterRegistry filters =
        new RegistryOfBundle(fixture.registry, Provider.NONE, configured);

    void register(String name, int altitude) throws ErrnoException {
      fixture.register(name, altitude, Fixture.ALL_OPS, Fixture.PASS);
      configured.restore(false);
    }

    List<String> chain() throws ErrnoException {
      return filters.chain("disk").stream().map(ChainEntry::filter).toList();
    }
  }

  private final MemoryStore store = new MemoryStore();

  private Run firstRun() throws ErrnoException {
    Run run = new Run();
    run.configured.open(store);
    run.register("low", 10);
    run.register("high", 20);
    run.devices.add("disk", "/mem/disk", OriginOptions.DEFAULT);
    run.filters.attach(AttachRequest.of("disk", "low"));
    run.filters.attach(AttachRequest.of("disk", "high"));
    return run;
  }

  @Test
  void aDeviceIsThereWithAllItsFiltersOrNotAtAll() throws Exception {
    firstRun().fixture.registry.close();

    Run second = new Run();
    second.configured.open(store);
    assertTrue(second.fixture.published.isEmpty());
    second.register("low", 10);
    assertTrue(second.fixture.published.isEmpty());
    second.register("high", 20);
    assertEquals(List.of("disk"), List.copyOf(second.fixture.published.keySet()));
    assertEquals(List.of("high", "low"), second.chain());
  }

  @Test
  void theStoreMayComeLast() throws Exception {
    firstRun().fixture.registry.close();
    Run second = new Run();
    second.register("low", 10);
    second.register("high", 20);
    second.configured.open(store);
    assertEquals(List.of("high", "low"), second.chain());
  }

  @Test
  void theEndOfTheAgentForgetsNothing() throws Exception {
    firstRun().fixture.registry.close();
    assertEquals(List.of("disk"), List.copyOf(store.kept.keySet()));
  }

  @Test
  void whatACommandTakesAwayStaysAway() throws Exception {
    Run first = firstRun();
    first.filters.detach("disk", "low");
    first.fixture.registry.close();

    Run second = new Run();
    second.register("high", 20);
    second.configured.open(store);
    assertEquals(List.of("high"), second.chain());
    second.filters.detach("disk", "high");
    second.devices.remove("disk");
    assertTrue(store.kept.isEmpty());
  }

  @Test
  void aDeviceThatCannotBeHadIsTriedAgainAndCanBeForgotten() throws Exception {
    Run first = new Run();
    first.configured.open(store);
    first.devices.add("disk", "/mem/disk", OriginOptions.DEFAULT);
    first.fixture.registry.close();
    Map<String, Object> properties = store.kept.get("disk");
    properties.put("path", "/mem/held");

    Run second = new Run();
    second.configured.open(store);
    second.configured.restore(false);
    assertTrue(second.fixture.published.isEmpty());
    second.devices.remove("disk");
    assertTrue(store.kept.isEmpty());
    ErrnoException unknown =
        assertThrows(ErrnoException.class, () -> second.devices.remove("disk"));
    assertEquals(Errno.ENODEV, unknown.errno());
  }

  @Test
  void aFilterThatRefusesLeavesNoDevice() throws Exception {
    firstRun().fixture.registry.close();
    Run second = new Run();
    second.configured.open(store);
    second.register("low", 10);
    second.fixture.registerMaking(
        "high",
        20,
        Fixture.ALL_OPS,
        (host, options) -> {
          throw new ErrnoException(Errno.ENOMEM, "not now");
        });
    second.configured.restore(false);
    assertTrue(second.fixture.published.isEmpty());
    assertTrue(second.devices.list().isEmpty());
    assertTrue(second.fixture.origin("disk").closed);
    assertEquals(List.of(), second.filters.filters().get(0).devices());
  }

  @Test
  void aCommandBeatsTheConfiguration() throws Exception {
    firstRun().fixture.registry.close();
    Run second = new Run();
    second.configured.open(store);
    second.devices.add("disk", "/mem/other", OriginOptions.DEFAULT);
    second.register("low", 10);
    second.register("high", 20);
    assertEquals(List.of(), second.chain());
    assertEquals("/mem/other", second.devices.info("disk").path());
  }

  /** A bundle of this number, which nobody takes down. */
  private static Provider bundle(long id) {
    return new Provider() {
      @Override
      public long bundleId() {
        return id;
      }

      @Override
      public String label() {
        return "bundle " + id;
      }

      @Override
      public BundlePins.Pin pin(String user) {
        return () -> {};
      }
    };
  }

  @Test
  void aFilterWhoseBundleIsBeingReplacedIsKept() throws Exception {
    Run run = firstRun();
    run.fixture.registry.register(
        Fixture.operations("top", 30, Fixture.ALL_OPS, (host, options) -> Fixture.PASS), bundle(7));
    run.filters.attach(AttachRequest.of("disk", "top"));
    SuspendedFilters replaced = run.fixture.registry.suspend(7, Fixture.PATIENCE);
    run.configured.keep("disk");
    assertEquals(
        List.of("top", "high", "low"), List.of((String[]) store.kept.get("disk").get("filters")));
    replaced.expire("the test is over");
  }

  @Test
  void aBrokenStoreIsNoFaultOfTheCommand() throws Exception {
    store.broken = true;
    Run run = firstRun();
    assertEquals(List.of("high", "low"), run.chain());
    assertFalse(store.kept.containsKey("disk"));
  }

  @Test
  void anUnreadableSetupHoldsNoOtherBack() throws Exception {
    firstRun().fixture.registry.close();
    Map<String, Object> damaged =
        DeviceProperties.write(new DeviceSetup("zz", "/mem/zz", OriginOptions.DEFAULT, List.of()));
    damaged.put("block-size", "big");
    store.kept.put("aa", damaged);
    Run second = new Run();
    second.register("low", 10);
    second.register("high", 20);
    second.configured.open(store);
    assertEquals(List.of("high", "low"), second.chain());
  }
}
