package io.sluice.nbd.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.DeviceRole;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.export.ExportChange;
import io.sluice.export.ExportInfo;
import io.sluice.export.ExportRequest;
import io.sluice.export.ExportState;
import io.sluice.export.RateLimit;
import io.sluice.export.RemovalMode;
import io.sluice.testing.MemoryDevice;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** What of the exports is there again after a restart. */
class ConfiguredExportsTest {
  private static final RateLimit LIMIT = new RateLimit(1 << 20, 100);

  private final Kept kept = new Kept();
  private Agent agent = new Agent();

  /** What outlives an agent. */
  private static final class Kept implements SetupStore {
    final Map<String, Map<String, Object>> setups = new TreeMap<>();
    Map<String, Object> common;

    @Override
    public List<Map<String, Object>> read() {
      return new ArrayList<>(setups.values());
    }

    @Override
    public void write(String export, Map<String, String> properties) {
      setups.put(export, new HashMap<>(properties));
    }

    @Override
    public boolean delete(String export) throws IOException {
      return setups.remove(export) != null;
    }

    @Override
    public Map<String, Object> readCommon() {
      return common;
    }

    @Override
    public void writeCommon(Map<String, String> options) {
      common = new HashMap<>(options);
    }
  }

  /** One life. */
  private final class Agent {
    final ExportTable table = new ExportTable();
    final ConfiguredExports configured = new ConfiguredExports(table, Access.usual());
    final NbdExporter exporter =
        new NbdExporter(table, configured, Access.usual(), new NbdServer(table));

    Agent() {
      configured.open(kept);
    }

    MemoryDevice comes(String name, DeviceRole role) {
      MemoryDevice device = new MemoryDevice(4096);
      assertTrue(configured.deviceCame(name, "own words", role, device));
      return device;
    }

    ExportInfo info(String name) {
      return exporter.list().stream().filter(e -> e.name().equals(name)).findFirst().orElse(null);
    }
  }

  private static ExportRequest request(String device, String name) {
    return new ExportRequest(device, name, true, "For people", LIMIT, Map.of());
  }

  @Test
  void whatWasAddedIsThereAgainOnceItsDeviceIs() throws Exception {
    agent.comes("disk", DeviceRole.LIVE);
    ExportInfo added = agent.exporter.add(request("disk", "x"));
    assertEquals("For people", added.description());
    agent = new Agent();
    ExportInfo waiting = agent.info("x");
    assertEquals(ExportState.WAITING, waiting.state());
    assertEquals(List.of(), waiting.addresses());
    assertEquals(LIMIT, waiting.limit());
    agent.comes("disk", DeviceRole.LIVE);
    assertEquals(added, agent.info("x"));
    assertTrue(agent.table.find("x").readOnly());
  }

  @Test
  void whatWasRemovedIsNot() throws Exception {
    agent.comes("disk", DeviceRole.LIVE);
    agent.exporter.add(request("disk", "x"));
    agent.exporter.add(request("disk", "y"));
    agent.exporter.remove("x", RemovalMode.HIDE);
    agent = new Agent();
    agent.exporter.remove("y", RemovalMode.SAFE);
    assertEquals(List.of(), agent.exporter.list(), "y waited, and was forgotten");
    ErrnoException e =
        assertThrows(ErrnoException.class, () -> agent.exporter.remove("y", RemovalMode.SAFE));
    assertEquals(Errno.ENOENT, e.errno());
    assertEquals(Map.of(), kept.setups);
  }

  @Test
  void anImagesExportGoesWithIt() throws Exception {
    MemoryDevice image = agent.comes("disk@a", DeviceRole.IMAGE);
    agent.exporter.add(request("disk@a", "x"));
    assertEquals(Map.of(), kept.setups);
    agent.configured.deviceWent(image);
    assertEquals(List.of(), agent.exporter.list());
  }

  @Test
  void aLiveDevicesExportWaitsForItsReturn() throws Exception {
    MemoryDevice disk = agent.comes("disk", DeviceRole.LIVE);
    agent.exporter.add(request("disk", "x"));
    agent.configured.deviceWent(disk);
    assertEquals(ExportState.WAITING, agent.info("x").state());
    agent.comes("disk", DeviceRole.LIVE);
    assertEquals(ExportState.SERVED, agent.info("x").state());
  }

  @Test
  void theTermsOfADevicesOwnExportAreKeptUntilTheyAreTheUsualOnesAgain() throws Exception {
    agent.comes("disk", DeviceRole.LIVE);
    agent.exporter.change(new ExportChange("disk", "Mine", LIMIT, null));
    agent = new Agent();
    agent.comes("disk", DeviceRole.LIVE);
    ExportInfo disk = agent.info("disk");
    assertEquals("Mine", disk.description());
    assertEquals(LIMIT, disk.limit());
    assertTrue(disk.automatic());
    agent.exporter.change(new ExportChange("disk", "", RateLimit.NONE, null));
    assertEquals("own words", agent.info("disk").description());
    assertEquals(Map.of(), kept.setups);
  }

  @Test
  void aDamagedSetupCostsOnlyItself() {
    kept.setups.put("a", Map.of("device", "disk"));
    kept.setups.put("b", Map.of("name", "b", "device", "disk", "bytes-per-second", "many"));
    kept.setups.put("c", Map.of("name", "c", "device", "disk", "operations-per-second", -1));
    kept.setups.put("d", Map.of("name", "d", "device", "disk", "operations-per-second", 7));
    kept.setups.put("e", Map.of("name", "e", "device", "disk", "option.none", "x"));
    agent = new Agent();
    agent.comes("disk", DeviceRole.LIVE);
    assertEquals(
        List.of("d", "disk"), agent.exporter.list().stream().map(ExportInfo::name).toList());
    assertEquals(new RateLimit(0, 7), agent.info("d").limit());
  }

  @Test
  void termsThatCantBeAreRefused() throws Exception {
    agent.comes("disk", DeviceRole.LIVE);
    refused("65536", new ExportChange("disk", null, new RateLimit(65535, 0), null));
    refused("4096", new ExportChange("disk", "x".repeat(4097), null, null));
    refused("control", new ExportChange("disk", "a\nb", null, null));
    refused(
        "\"none\": it must be tls or allow",
        new ExportChange("disk", null, null, Map.of("none", "x")));
    assertEquals("own words", agent.info("disk").description());
  }

  private void refused(String part, ExportChange change) {
    ErrnoException e = assertThrows(ErrnoException.class, () -> agent.exporter.change(change));
    assertEquals(Errno.EINVAL, e.errno());
    assertTrue(e.getMessage().contains(part), e.getMessage());
  }
}
