package io.sluice.shell.blksnap;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.jr.ob.JSON;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.export.ExportRequest;
import io.sluice.shell.FakeAgent;
import io.sluice.shell.FakeSnapshots;
import io.sluice.shell.Output;
import io.sluice.shell.tool.Session;
import io.sluice.snapshot.SectorRange;
import io.sluice.snapshot.SnapshotEvent;
import io.sluice.snapshot.SnapshotRequest;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Output byte for byte, as scripts written for the original tool expect it. */
class BlksnapToolTest {
  private static final String ID = FakeSnapshots.id(1).toString();
  private static final String NONE = FakeSnapshots.id(99).toString();

  @TempDir Path directory;

  private final FakeAgent agent = new FakeAgent();

  /** Where {@code markdirtyblock --file} finds a file. */
  private FileLayout layout = new FileLayout("/dev/loop7", List.of());

  private final BlksnapTool tool =
      new BlksnapTool(
          agent,
          path -> {
            assertEquals(directory.resolve("x"), path);
            return layout;
          },
          new TimeLabel(() -> FakeSnapshots.TAKEN_AT.plusNanos(250), () -> 1_000_000_000_250L));
  private Output output;

  @BeforeEach
  void addDevice() throws Exception {
    agent.devices.add("disk", "/dev/loop7", io.sluice.block.OriginOptions.DEFAULT);
  }

  private int run(String... words) throws Exception {
    output = new Output();
    Session session = new Session(directory, 0, output.out, output.err, null);
    int code = tool.run(session, List.of(words));
    output.out.flush();
    return code;
  }

  private String ok(String... words) throws Exception {
    int code = run(words);
    assertEquals("", output.error(), () -> String.join(" ", words));
    assertEquals(0, code);
    return output.text();
  }

  private String fails(String... words) throws Exception {
    assertEquals(1, run(words), () -> output.text());
    return output.error();
  }

  @Test
  void version_isTheModules() throws Exception {
    assertEquals("2.0.0.0\n", ok("version"));
    assertEquals(Map.of("version", "2.0.0.0"), JSON.std.mapFrom(ok("version", "-j")));
  }

  @Test
  void attach_saysWhetherItWasThere() throws Exception {
    assertEquals("Attached successfully\n", ok("attach", "--device", "/dev/loop7"));
    assertEquals("Already was attached\n", ok("attach", "-d", "/dev/loop7"));
    assertEquals("", ok("detach", "--device=/dev/loop7"));
    assertEquals(
        """
        Failed to detach filter from the block device: No such file or directory
        ENOENT: blksnap is not attached to disk
        """,
        fails("detach", "-d", "/dev/loop7"));
  }

  @Test
  void device_unknownIsNamed() throws Exception {
    assertTrue(
        fails("attach", "-d", "/dev/none")
            .startsWith("Failed to open block device [/dev/none]: No such device\nENODEV: "),
        output.error());
  }

  @Test
  void cbtinfo_isFiveLines() throws Exception {
    ok("attach", "-d", "disk");
    assertEquals(
        """
        block_size=65536
        device_capacity=67108864
        block_count=1024
        generation_id=aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee
        changes_number=0
        """,
        ok("cbtinfo", "-d", "disk"));
    Map<String, Object> json = JSON.std.mapFrom(ok("cbtinfo", "--json", "-d", "disk"));
    assertEquals(67108864, json.get("device_capacity"));
    assertEquals(5, json.size());
  }

  @Test
  void ctl_onADeviceWithoutTrackerFailsInTheCLibrarysWords() throws Exception {
    assertEquals(
        "No such file or directory\nENOENT: device disk: not tracked\n",
        fails("cbtinfo", "-d", "disk"));
  }

  @Test
  void markdirtyblock_takesManyRanges() throws Exception {
    ok("attach", "-d", "disk");
    assertEquals("", ok("markdirtyblock", "-d", "disk", "-r", "0:8", "256:8", "--ranges=512:1"));
    assertEquals(3, marked());
    assertEquals("Argument 'ranges' is missed.\n", fails("markdirtyblock", "-d", "disk"));
    assertTrue(fails("markdirtyblock", "-d", "disk", "-r", "8").contains("EINVAL: range \"8\""));
    assertEquals("Argument 'device' is missed.\n", fails("markdirtyblock", "-r", "0:8"));
  }

  @Test
  void markdirtyblock_marksWhereAFileLies() throws Exception {
    ok("attach", "-d", "disk");
    layout =
        new FileLayout("/dev/loop7", List.of(new SectorRange(1024, 8), new SectorRange(4096, 16)));
    assertEquals(
        """
        device path: '/dev/loop7'
        allocate range: ofs=1024 cnt=8
        allocate range: ofs=4096 cnt=16
        """,
        ok("markdirtyblock", "--file", "x"));
    assertEquals(2, marked());
    // As the original: a file goes before a device and its ranges.
    ok("markdirtyblock", "-f", "x", "-d", "none", "-r", "0:8");
    assertEquals(2, marked());
  }

  @Test
  void markdirtyblock_fileOfAnotherDeviceIsRefused() throws Exception {
    layout = new FileLayout("/dev/block/8:1", List.of(new SectorRange(0, 8)));
    String error = fails("markdirtyblock", "--file", "x");
    assertTrue(
        error.startsWith("Failed to open block device [/dev/block/8:1]: No such device\nENODEV: "),
        error);
    assertEquals("device path: '/dev/block/8:1'\nallocate range: ofs=0 cnt=8\n", output.text());
  }

  @Test
  void markdirtyblock_whatIsNoFileIsRefused() throws Exception {
    BlksnapTool real = new BlksnapTool(agent);
    for (String[] bad :
        new String[][] {
          {"missing", "No such file or directory\nENOENT: "}, {".", "Invalid argument\nEINVAL: "}
        }) {
      output = new Output();
      Session session = new Session(directory, 0, output.out, output.err, null);
      assertEquals(1, real.run(session, List.of("markdirtyblock", "--file", bad[0])));
      String path = directory.resolve(bad[0]).normalize().toString();
      assertTrue(
          output.error().startsWith("Failed to get extents of file [" + path + "]: " + bad[1]),
          output.error());
    }
  }

  private int marked() throws Exception {
    java.nio.ByteBuffer map = java.nio.ByteBuffer.allocate(FakeSnapshots.BLOCK_COUNT);
    agent.snapshots.readMap("disk", 0, map);
    int count = 0;
    for (byte b : map.array()) {
      count += b == 0 ? 0 : 1;
    }
    return count;
  }

  @Test
  void snapshot_wholeLife() throws Exception {
    assertEquals("\n", ok("snapshot_collect"));
    assertEquals(ID + "\n", ok("snapshot_create", "-d", "disk", "-f", ".", "-l", "512M"));
    assertEquals(
        new SnapshotRequest(List.of(), "dir", directory.toString(), 512L << 20, 0, ""),
        agent.snapshots.requests.get(0));
    ok("attach", "-d", "disk");
    assertEquals("error_code=0\nimage=/dev/\n", ok("snapshot_info", "-d", "disk"));
    assertEquals("", ok("snapshot_take", "-i", ID));
    String image = "nbd+unix:///disk@" + ID + "?socket=/run/sluice/nbd.sock";
    assertEquals("error_code=0\nimage=" + image + "\n", ok("snapshot_info", "-d", "disk"));
    assertEquals(image + "\n", ok("snapshot_info", "--field", "image", "-d", "disk"));
    assertEquals("0\n", ok("snapshot_info", "--field=error_code", "-d", "disk"));
    assertEquals(
        Map.of("error_code", 0, "image", image),
        JSON.std.mapFrom(ok("snapshot_info", "-j", "-d", "disk")));
    assertEquals(
        "Value 'x' for argument '--field' is not supported.\n",
        fails("snapshot_info", "-f", "x", "-d", "disk"));
    assertEquals(FakeSnapshots.id(2) + "\n", ok("snapshot_create", "--file", ".", "--limit", "1G"));
    assertEquals(ID + " \n" + FakeSnapshots.id(2) + " \n\n", ok("snapshot_collect"));
    assertEquals(
        Map.of("snapshots", List.of(ID, FakeSnapshots.id(2).toString())),
        JSON.std.mapFrom(ok("snapshot_collect", "--json")));
    assertEquals("", ok("snapshot_destroy", "--id", ID));
    assertEquals(
        "Failed to destroy snapshot.: No such device\nENODEV: snapshot " + ID + ": there is none\n",
        fails("snapshot_destroy", "-i", ID));
    assertEquals(
        "Failed to take snapshot: No such process\nESRCH: snapshot " + ID + ": there is none\n",
        fails("snapshot_take", "-i", ID));
  }

  @Test
  void anImageIsABlockDeviceWhereItCanBe() throws Exception {
    FakeAgent.OnRequest loops = new FakeAgent.OnRequest("loop");
    FakeAgent.OnRequest files = new FakeAgent.OnRequest("fuse");
    agent.exporters.add(files);
    agent.exporters.add(loops);
    ok("attach", "-d", "disk");
    ok("snapshot_create", "-d", "disk", "-f", ".", "-l", "512M");
    ok("snapshot_take", "-i", ID);
    String[] command = {"snapshot_info", "-d", "disk", "--field", "image"};
    assertEquals("/dev/loop0\n", ok(command));
    assertEquals("/dev/loop0\n", ok(command), "made once");
    assertEquals("disk@" + ID, loops.added.get(0).device());
    assertFalse(loops.added.get(0).readOnly());
    // Without /dev/fuse, or without loop devices.
    loops.added.clear();
    loops.refusal = new ErrnoException(Errno.ENODEV, "no loop devices here");
    assertTrue(ok(command).startsWith("nbd+unix:"));
    files.add(new ExportRequest("disk@" + ID, "", false));
    assertEquals("/dev/fuse0\n", ok(command));
    agent.exporters.removeIf(exporter -> exporter != loops);
    assertTrue(fails(command).contains("no loop devices here"));
  }

  @Test
  void snapshot_createPrintsTheIdBeforeADeviceIsRefused() throws Exception {
    assertEquals(1, run("snapshot_create", "-d", "disk", "none", "-f", ".", "-l", "1G"));
    assertEquals(ID + "\n", output.text());
    assertEquals(1, agent.snapshots.info(FakeSnapshots.id(1)).devices().size());
  }

  @Test
  void snapshot_addAttachesTheTrackerIfItIsMissing() throws Exception {
    agent.snapshots.addNeedsTracker = true;
    ok("snapshot_create", "-f", ".", "-l", "1G");
    assertEquals("", ok("snapshot_add", "-d", "disk", "-i", ID));
    assertEquals(1, agent.filters.attached.size());
    assertEquals(
        "Operation already in progress\nEALREADY: device disk: in this snapshot already\n",
        fails("snapshot_add", "-d", "disk", "-i", ID));
  }

  @ParameterizedTest
  @CsvSource({
    "512M, 1048576",
    "1G, 2097152",
    "2048K, 4096",
    "1000000, 1953",
    "512m, 1048576",
    "1g, 2097152"
  })
  void snapshot_createRoundsTheLimitDownToSectors(String limit, long sectors) throws Exception {
    ok("snapshot_create", "-f", ".", "-l", limit);
    assertEquals(sectors * 512, agent.snapshots.requests.get(0).limitBytes());
  }

  @Test
  void snapshot_createKnowsTheKindOfStore() throws Exception {
    Files.createFile(directory.resolve("diff"));
    ok("snapshot_create", "-f", "diff", "-l", "1G");
    assertEquals("file", agent.snapshots.requests.get(0).storeKind());
    assertEquals(
        "Failed to create snapshot object.: No such file or directory\n"
            + "ENOENT: store "
            + directory.resolve("missing")
            + ": no such file\n",
        fails("snapshot_create", "-f", "missing", "-l", "1G"));
    ok("snapshot_create", "-f", "/dev/null", "-l", "1G");
    assertEquals("blockdev", agent.snapshots.requests.get(2).storeKind());
    assertTrue(fails("snapshot_create", "-f", "diff", "-l", "1X").contains("EINVAL: size"));
  }

  @Test
  void snapshot_malformedIdIsDiagnosed() throws Exception {
    for (String id : List.of("x", "1-1-1-1-1", ID + "0")) {
      assertTrue(fails("snapshot_take", "-i", id).contains("EINVAL: id \"" + id + "\""));
    }
  }

  @Test
  void waitevent_hasThreeResultsAndAllAreSuccess() throws Exception {
    ok("snapshot_create", "-f", ".", "-l", "1G");
    assertEquals("result=timeout\n", ok("snapshot_waitevent", "-i", ID, "-t", "1"));
    assertEquals("result=not found\n", ok("snapshot_waitevent", "-i", NONE, "-t", "1"));
    agent.snapshots.events.add(event(SnapshotEvent.Code.CORRUPTED));
    assertEquals(
        "result=ok\ntime=1000000000000\nevent=corrupted\n",
        ok("snapshot_waitevent", "-i", ID, "-t", "1000"));
    agent.snapshots.events.add(event(SnapshotEvent.Code.NO_SPACE));
    assertEquals(
        Map.of("result", "ok", "time", 1000000000000L, "event", "no_space"),
        JSON.std.mapFrom(ok("snapshot_waitevent", "-j", "-i", ID, "-t", "1000")));
    assertEquals("Argument 'timeout' is missed.\n", fails("snapshot_waitevent", "-i", ID));
    assertTrue(fails("snapshot_waitevent", "-i", ID, "-t", "x").contains("EINVAL: timeout"));
  }

  private static SnapshotEvent event(SnapshotEvent.Code code) {
    return new SnapshotEvent(
        FakeSnapshots.id(1), FakeSnapshots.TAKEN_AT, code, "disk", Errno.ENOSPC.number(), 1048576);
  }

  @Test
  void watcher_runsUntilTheSnapshotIsCorrupted() throws Exception {
    ok("snapshot_create", "-f", ".", "-l", "1G");
    agent.snapshots.events.add(event(SnapshotEvent.Code.NO_SPACE));
    agent.snapshots.events.add(event(SnapshotEvent.Code.CORRUPTED));
    assertEquals(
        """
        Start snapshot watcher.
        1000000000000 - The the difference storage already grow up to 512 MiB. Limit has been reached.
        1000000000000 - The snapshot was corrupted for device [disk] with error "No space left on device".
        Snapshot watcher finished
        """,
        ok("snapshot_watcher", "-i", ID));
    assertEquals(
        "Start snapshot watcher.\nSnapshot not found\nSnapshot watcher finished\n",
        ok("snapshot_watcher", "--id", NONE));
  }

  @Test
  void usage_errorsAndHelpAreTheOriginals() throws Exception {
    assertEquals("Command not found.\n", fails());
    assertEquals("Command is not set.\n", fails("nonsense"));
    assertEquals("Argument 'device' is missed.\n", fails("attach"));
    assertEquals("Argument 'id' is missed.\n", fails("snapshot_take"));
    assertEquals("Argument 'device' is missed.\n", fails("snapshot_add"));
    assertEquals("Argument 'id' is missed.\n", fails("snapshot_add", "-d", "none"));
    assertEquals("Argument 'ranges' is missed.\n", fails("markdirtyblock", "-d", "none"));
    assertEquals("Argument 'file' is missed.\n", fails("snapshot_create"));
    assertEquals("Argument 'limit' is missed.\n", fails("snapshot_create", "-f", "."));
    assertEquals("unrecognised option '--bogus'\n", fails("attach", "--bogus"));
    assertEquals(
        """
        Get change tracker information.
          -h [ --help ]         Print usage for command.
          -d [ --device ] arg   Device name.
          -j [ --json ]         Use json format for output.

        """,
        ok("cbtinfo", "-h"));
    String help = ok("help");
    assertEquals(help, ok("--help"));
    assertEquals(help, ok("-h"));
    assertTrue(help.startsWith("Usage:\n--help, -h or help:\n\tPrint this usage.\n"), help);
    assertEquals(14, help.lines().filter(l -> l.matches("[a-z_]+:")).count());
  }
}
