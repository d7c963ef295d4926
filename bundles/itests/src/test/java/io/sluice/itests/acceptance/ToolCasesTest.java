package io.sluice.itests.acceptance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.itests.acceptance.InProcessAgent.ToolRun;
import io.sluice.snapshot.CbtInfo;
import io.sluice.snapshot.SnapshotInfo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** blksnap's acceptance cases 68 to 72: parameters, and the program {@code blksnap}. */
@Timeout(120)
class ToolCasesTest {
  private static final long SIZE = 1 << 20;
  private static final int SECTOR = 512;
  private static final SectorPattern LIVE = new SectorPattern(2);

  @TempDir static Path scratch;
  private static InProcessAgent agent;

  @BeforeAll
  static void start() throws Exception {
    agent = startWith("run", Map.of("sluice.blksnap.diff_storage_minimum", "1003"));
  }

  private static InProcessAgent startWith(String name, Map<String, String> parameters)
      throws Exception {
    return InProcessAgent.start(scratch.resolve(name), parameters);
  }

  @AfterEach
  void clear() throws Exception {
    agent.clear();
  }

  @AfterAll
  static void stop() throws Exception {
    agent.close();
  }

  private static String ok(String... arguments) {
    ToolRun run = agent.blksnap(arguments);
    assertEquals(0, run.exitCode(), () -> List.of(arguments) + ": " + run);
    assertEquals("", run.err(), () -> List.of(arguments).toString());
    return run.out();
  }

  private static String fails(String... arguments) {
    ToolRun run = agent.blksnap(arguments);
    assertEquals(1, run.exitCode(), () -> List.of(arguments) + ": " + run);
    assertTrue(run.err().endsWith("\n"), run.err());
    return run.err();
  }

  @Test
  void case68_parametersAreClamped() throws Exception {
    InProcessAgent odd =
        startWith(
            "odd",
            Map.of(
                "sluice.blksnap.chunk_minimum_shift", "9",
                "sluice.blksnap.chunk_maximum_shift", "10",
                "sluice.blksnap.diff_storage_minimum", "1"));
    try {
      odd.trackedDisk("c68", SIZE);
      UUID id = odd.create("s", "dir", odd.directory().toString(), SIZE, "c68");
      SnapshotInfo taken = odd.snapshots().take(id);
      assertEquals(
          1 << 12, taken.devices().get(0).chunkSizeBytes(), "9 becomes 12, and so does 10");
      assertEquals(2 << 12, taken.store().capacityBytes(), "two chunks");
    } finally {
      odd.clear();
      odd.close();
    }
    agent.trackedDisk("c68", SIZE);
    UUID id = agent.create("s", "dir", agent.directory().toString(), SIZE, "c68");
    assertEquals(
        1000 * SECTOR,
        agent.snapshots().info(id).store().capacityBytes(),
        "1003 sectors are no multiple of a chunk's 8");
  }

  @Test
  void case69_usageErrorsAndHelp() {
    assertEquals("Argument 'device' is missed.\n", fails("attach"));
    assertEquals("Argument 'id' is missed.\n", fails("snapshot_take"));
    assertEquals("Argument 'file' is missed.\n", fails("snapshot_create"));
    assertEquals("Command not found.\n", fails());
    assertEquals("Command is not set.\n", fails("nonsense"));
    assertTrue(ok("--help").startsWith("Usage:\n"));
    assertEquals(ok("--help"), ok("help"));
    assertTrue(ok("attach", "--help").contains("--device"));
    assertEquals("{\"version\":\"2.0.0.0\"}", ok("version", "--json").replaceAll("\\s", ""));
  }

  /** A loop device of the image's size; where the kernel has none, a file or a URI of its name. */
  private static void assertLeadsToTheImage(String path, String image) throws IOException {
    if (path.startsWith("/dev/loop")) {
      String sectors = Files.readString(Path.of("/sys/block", path.substring(5), "size"));
      assertEquals(SIZE / 512, Long.parseLong(sectors.strip()), path);
    } else {
      assertTrue(path.contains(image), path);
    }
  }

  @Test
  void case70_outputIsTheOriginals() throws Exception {
    agent.disk("c70", SIZE);
    assertEquals("2.0.0.0\n", ok("version"));
    assertEquals("Attached successfully\n", ok("attach", "-d", "c70"));
    CbtInfo info = agent.tracking().info("c70");
    assertEquals(
        "block_size=65536\ndevice_capacity=1048576\nblock_count=16\ngeneration_id="
            + info.generationId()
            + "\nchanges_number=0\n",
        ok("cbtinfo", "-d", "c70"));
    assertEquals("\n", ok("snapshot_collect"));
    String store = agent.directory().toString();
    UUID id = UUID.fromString(ok("snapshot_create", "-d", "c70", "-f", store, "-l", "1M").strip());
    assertEquals(id + " \n\n", ok("snapshot_collect"));
    assertEquals("error_code=0\nimage=/dev/\n", ok("snapshot_info", "-d", "c70"));
    assertEquals("", ok("snapshot_take", "-i", id.toString()));
    String image = ok("snapshot_info", "-d", "c70", "--field", "image");
    assertLeadsToTheImage(image.strip(), "c70@" + id);
    assertEquals("error_code=0\nimage=" + image, ok("snapshot_info", "-d", "c70"));
    assertEquals("0\n", ok("snapshot_info", "-d", "c70", "--field", "error_code"));
    assertEquals("", ok("readcbtmap", "-d", "c70", "-f", "map"));
    assertEquals(info.blockCount(), Files.size(agent.directory().resolve("map")));
    assertEquals("result=timeout\n", ok("snapshot_waitevent", "-i", id.toString(), "-t", "1"));
    assertEquals("", ok("snapshot_destroy", "-i", id.toString()));
    assertEquals("result=not found\n", ok("snapshot_waitevent", "-i", id.toString(), "-t", "1"));
    assertEquals("", ok("detach", "-d", "c70"));
  }

  @Test
  void case71_limitsAreSectors_andBadOnesAreDiagnosed() throws Exception {
    Map<String, Long> limits =
        Map.of(
            "512M",
            1_048_576L,
            "1G",
            2_097_152L,
            "2048K",
            4_096L,
            "1000000",
            1_953L,
            "512m",
            1_048_576L);
    String store = agent.directory().toString();
    for (Map.Entry<String, Long> limit : limits.entrySet()) {
      String id = ok("snapshot_create", "-f", store, "-l", limit.getKey()).strip();
      SnapshotInfo info = agent.snapshots().info(UUID.fromString(id));
      assertEquals(limit.getValue() * SECTOR, info.store().limitBytes(), limit.getKey());
      ok("snapshot_destroy", "-i", id);
    }
    for (String bad : List.of("512X", "M", "-1", "1.5G", "99999999999999999999")) {
      fails("snapshot_create", "-f", store, "-l", bad);
    }
    for (String bad : List.of("x", "1-1-1-1-1", new UUID(1, 1) + "0")) {
      assertTrue(fails("snapshot_take", "-i", bad).contains(bad));
      assertTrue(fails("snapshot_destroy", "-i", bad).contains(bad));
    }
    assertEquals("\n", ok("snapshot_collect"), "nothing was created");
  }

  @Test
  void case72_aDeviceIsKnownByEachOfItsNames() throws Exception {
    agent.trackedDisk("c72", SIZE);
    Path link = Files.createSymbolicLink(scratch.resolve("link"), agent.origin("c72"));
    Path linkToLink = Files.createSymbolicLink(scratch.resolve("link2"), link);
    Path hard = Files.createLink(scratch.resolve("hard"), agent.origin("c72"));
    String expected = ok("cbtinfo", "-d", "c72");
    for (String name :
        List.of(
            agent.origin("c72").toString(),
            "c72.img",
            "./c72.img",
            link.toString(),
            linkToLink.toString(),
            hard.toString())) {
      assertEquals(expected, ok("cbtinfo", "-d", name), name);
      assertEquals("Already was attached\n", ok("attach", "-d", name), name);
    }
    LIVE.write(agent.add("other", other().toString()), 0, SECTOR);
    fails("cbtinfo", "-d", other().toString());
  }

  private static Path other() throws Exception {
    Path path = scratch.resolve("other.img");
    if (Files.notExists(path)) {
      SectorPattern.ofOrigin().fillFile(path, SIZE);
    }
    return path;
  }
}
