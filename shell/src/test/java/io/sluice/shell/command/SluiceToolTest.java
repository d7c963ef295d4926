package io.sluice.shell.command;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.jr.ob.JSON;
import io.sluice.filter.AttachRequest;
import io.sluice.filter.OnError;
import io.sluice.shell.FakeSnapshots;
import io.sluice.shell.tool.Session;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SluiceToolTest extends ToolFixture {
  @Test
  void device_addResolvesThePathAgainstTheCallersDirectory() throws Exception {
    ok("device", "add", "b", "sub/../b.img", "--read-only", "--block-size", "4k");
    assertEquals("/home/me/b.img", agent.devices.info("b").path());
    assertTrue(agent.devices.info("b").options().readOnly());
    assertEquals(4096, agent.devices.info("b").options().blockSizeBytes());
  }

  @Test
  void device_listIsATable() throws Exception {
    ok("device", "add", "b2", "b.img", "--read-only");
    assertEquals(
        """
        NAME  SIZE  BLOCK  RO   FILTERS  HOLDERS  PATH
        b2     64M    512  yes  -              0  /home/me/b.img
        disk   64M    512  no   -              0  /data/disk.img
        """,
        ok("device", "list"));
  }

  @Test
  void device_infoFindsTheDeviceByNameAndByPath() throws Exception {
    for (String word : List.of("disk", "/data/disk.img", "../../data/disk.img")) {
      assertTrue(ok("device", "info", word).startsWith("name:           disk\n"), word);
    }
    ok("device", "add", "near", "near.img");
    assertTrue(ok("device", "info", "near.img").startsWith("name:           near\n"));
    assertTrue(ok("device", "info", "disk").contains("size:           64M (67108864 bytes)\n"));
  }

  @Test
  void device_errorsAreOneLineWithTheErrno() throws Exception {
    assertEquals(
        "sluice: device add: EEXIST: device disk: the name is taken",
        fails(1, "device", "add", "disk", "x"));
    assertEquals(
        "sluice: device remove: ENODEV: device \"none\": there is none; there are [disk]",
        fails(1, "device", "remove", "none"));
  }

  @Test
  void json_keepsNumbersExactAndNamesInSnakeCase() throws Exception {
    Map<String, Object> info = json("device", "info", "disk", "--json");
    assertEquals(
        List.of("name", "path", "options", "geometry", "filters", "holders", "lost"),
        List.copyOf(info.keySet()));
    Map<?, ?> geometry = (Map<?, ?>) info.get("geometry");
    assertEquals(67108864, ((Number) geometry.get("size_bytes")).longValue());
    assertEquals(List.of("read"), geometry.get("ops"));
    assertEquals(
        1, JSON.std.listFrom(ok("--json", "device", "list")).size(), "--json goes anywhere");
    assertEquals(Map.of("removed", List.of("disk")), json("device", "remove", "disk", "--json"));
  }

  @Test
  void filter_attachHandsOnOptions() throws Exception {
    ok(
        "filter",
        "attach",
        "disk",
        "trace",
        "--altitude",
        "7",
        "--on-error",
        "bypass",
        "--call-limit",
        "250ms",
        "a=1",
        "b=x,y=z");
    assertEquals(
        new AttachRequest(
            "disk",
            "trace",
            OptionalInt.of(7),
            OnError.BYPASS,
            Optional.of(Duration.ofMillis(250)),
            Map.of("a", "1", "b", "x,y=z")),
        agent.filters.attached.get(0));
    assertEquals(
        """
        ALTITUDE  FILTER  STATE     ON-ERROR  BIOS  ERRORS  FAULTS   MEAN     P99    MAX    OWN\
          PROVIDER               LAST-FAULT
               7  trace   attached  bypass       7       0       0  1.5us  12.3us  3.4ms  250ns\
          io.sluice.trace 0.1.0  -
        """,
        ok("filter", "chain", "disk"));
    ok("filter", "detach", "disk", "trace");
    assertEquals(List.of(), agent.filters.attached);
  }

  @Test
  void filter_attachRefusesACallLimitThatIsNoTime() throws Exception {
    String refusal = fails(1, "filter", "attach", "disk", "trace", "--call-limit", "5");
    assertTrue(refusal.contains(": EINVAL: "), refusal);
    assertEquals(List.of(), agent.filters.attached);
  }

  @Test
  void filter_listShowsWhatFiltersTake() throws Exception {
    String plain =
        """
        NAME     ALTITUDE  OPERATIONS  DEVICES  PROVIDER
        blksnap       500  read,write  -        io.sluice.blksnap 0.1.0
        trace        1000  read        -        io.sluice.trace 0.1.0
        """;
    assertEquals(plain, ok("filter", "list"));
    assertEquals(
        plain
            + """
            trace option file=TEXT: where it is written to
            trace command dump [count=COUNT 10]: shows the last bios
            """,
        ok("filter", "list", "-v"));
    Map<?, ?> trace = (Map<?, ?>) JSON.std.listFrom(ok("filter", "list", "--json")).get(1);
    assertEquals("file", ((Map<?, ?>) ((List<?>) trace.get("options")).get(0)).get("name"));
    assertEquals("dump", ((Map<?, ?>) ((List<?>) trace.get("commands")).get(0)).get("name"));
  }

  @Test
  void filter_ctlPassesArgumentsAndShowsTheAnswer() throws Exception {
    assertEquals(
        "device:    disk\narguments: [a, -b]\n",
        ok("filter", "ctl", "disk", "trace", "echo", "a", "--", "-b"));
    assertTrue(fails(1, "filter", "ctl", "disk", "trace", "x").contains(": ENOTTY: "));
  }

  @Test
  void cbt_mapShowsRunsOfOneNumber() throws Exception {
    ok("filter", "attach", "disk", "blksnap");
    agent.snapshots.mark(0, 1);
    agent.snapshots.mark(1, 1);
    agent.snapshots.mark(2, 200);
    agent.snapshots.mark(FakeSnapshots.BLOCK_COUNT - 1, 3);
    assertEquals(
        """
        SECTOR  COUNT  NUMBER
             0    256       1
           256    128     200
        130944    128       3
        """,
        ok("cbt", "map", "disk"));
    List<?> runs = (List<?>) json("cbt", "map", "disk", "--json").get("runs");
    assertEquals(3, runs.size());
    assertEquals(
        Map.of("first_sector", 256, "sector_count", 128, "changes_number", 200), runs.get(1));
  }

  @Test
  void cbt_mapSinceListsWhatToRead() throws Exception {
    ok("filter", "attach", "disk", "blksnap");
    String base = FakeSnapshots.GENERATION + ":3";
    assertEquals(
        "SECTOR  COUNT\n   128    256\n  1024      3\n", ok("cbt", "map", "disk", "--since", base));
    Map<String, Object> data = json("cbt", "map", "disk", "--since", base, "--json");
    assertEquals(259 * 512, ((Number) data.get("changed_bytes")).intValue());
    assertEquals(
        Map.of("generation_id", FakeSnapshots.GENERATION.toString(), "changes_number", 3),
        data.get("since"));
    String over = "00000000-0000-0000-0000-000000000000:3";
    assertTrue(fails(1, "cbt", "map", "disk", "--since", over).contains(": ENODATA: "));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "x", "1-1-1-1-1:3", "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee:256"})
  void cbt_mapRefusesABaseThatIsNone(String base) throws Exception {
    assertTrue(fails(2, "cbt", "map", "disk", "--since", base).contains("GENERATION:NUMBER"));
  }

  @Test
  void cbt_dirtyMarksRanges() throws Exception {
    ok("filter", "attach", "disk", "blksnap");
    ok("cbt", "dirty", "disk", "0:8", "256:1");
    assertEquals(
        "SECTOR  COUNT  NUMBER\n     0    128       9\n   256    128       9\n",
        ok("cbt", "map", "disk"));
    assertTrue(fails(1, "cbt", "dirty", "disk", "131072:1").contains(": EINVAL: "));
    assertTrue(fails(2, "cbt", "dirty", "disk", "8").contains("SECTOR:COUNT"));
    assertTrue(fails(2, "cbt", "dirty", "disk", "9223372036854775807:1").contains("SECTOR:COUNT"));
  }

  @Test
  void cbt_explainSaysWhereAndWhat() throws Exception {
    ok("filter", "attach", "disk", "blksnap");
    assertEquals(
        """
        device:     disk
        generation: aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee
        numbers:    after 0 to 0
        changed:    192K (196608 bytes), 0.3% of the device
        in runs:    2
        zeroes:     64K (65536 bytes), 33.3% of that, by the block status of live device disk

        Most changed regions:
        SECTOR  COUNT  SIZE  CHANGED  SHARE
             0   2048    1M     128K  12.5%
          2048   2048    1M      64K   6.3%

        Longest runs:
        SECTOR  COUNT  SIZE
           128    256  128K
          1024      0     0

        Tracking blocks of other sizes:
        BLOCK  BLOCKS  CHANGED  OF-NOW
          64K       3     192K  100.0%
         128K       2     256K  133.3%

        Finer ones: not known, for no snapshot is held that was taken last
        """,
        ok("cbt", "explain", "disk"));
    ok("snapshot", "take", "disk", "--store", "dir:/var/diff", "--name", "n");
    String base = FakeSnapshots.GENERATION + ":1";
    String held = ok("cbt", "explain", "disk", "--since", base, "--top", "1");
    assertTrue(held.contains("numbers:    after 1 to 1\n"), held);
    assertTrue(held.contains("by the block status of image disk@n\n"), held);
    assertTrue(
        held.endsWith(
            """

            Finer ones, for what was written since disk@n:
            BLOCK  BLOCKS  CHANGED  OF-NOW
               4K       1       4K    6.3%
              64K       1      64K  100.0%
            """),
        held);
    assertFalse(held.contains("2048   2048"), "top 1 of the regions");
    Map<String, Object> data = json("cbt", "explain", "disk", "--since", base, "--json");
    assertEquals(196608, data.get("changed_bytes"));
    assertEquals(1, data.get("since_number"));
    assertEquals("disk", ((Map<?, ?>) data.get("tracking")).get("device"));
    assertEquals(
        Map.of("block_size_bytes", 4096, "changed_block_count", 1, "changed_bytes", 4096),
        ((List<?>) data.get("recent_sizes")).get(0));
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "1025", "-1", "x"})
  void cbt_explainRefusesATopThatIsNone(String top) throws Exception {
    ok("filter", "attach", "disk", "blksnap");
    assertTrue(fails(2, "cbt", "explain", "disk", "--top", top).contains("--top"));
  }

  @Test
  void export_servesImagesByIdOrName() throws Exception {
    ok("snapshot", "take", "disk", "--store", "dir:/var/diff", "--name", "n");
    assertEquals(
        "nbd+unix:///x?socket=/run/sluice/nbd.sock\n",
        ok("export", "nbd", "disk@" + ID, "--name", "x", "--read-only"));
    assertEquals(
        """
        NAME    KIND  DEVICE  RO   AUTO  CLIENTS  POLICY  ADDRESS                                         DESCRIPTION
        disk    nbd   disk    no   yes         0  -       nbd+unix:///disk?socket=/run/sluice/nbd.sock    -
        disk@n  nbd   disk@n  no   yes         0  -       nbd+unix:///disk@n?socket=/run/sluice/nbd.sock  -
        x       nbd   disk@n  yes  no          0  -       nbd+unix:///x?socket=/run/sluice/nbd.sock       -
        """,
        ok("export", "list"));
    ok("export", "remove", "x");
    assertTrue(fails(1, "export", "remove", "x").contains(": ENOENT: "));
    assertTrue(fails(1, "export", "remove", "disk").contains(": EPERM: "));
    assertTrue(fails(1, "export", "nbd", "disk@none").contains(": ESRCH: "));
    assertTrue(fails(1, "export", "nbd", "disk@none..n").contains(": ESRCH: "));
    ok("export", "nbd", "disk@" + ID + "..5..x:1", "--name", "y");
    assertTrue(ok("export", "list").contains("  disk@n..5..x:1  "), ok("export", "list"));
  }

  @Test
  void export_limitsAreSetAndChangedOneByOne() throws Exception {
    ok("export", "nbd", "disk", "--name", "x", "--iops", "100", "--description", "One, two");
    ok("export", "set", "x", "--bandwidth", "10m");
    assertTrue(ok("export", "list").contains("  iops=100,bandwidth=10M  "), ok("export", "list"));
    assertTrue(ok("--json", "export", "list").contains("\"description\": \"One, two\""));
    ok("export", "set", "x", "--iops", "0", "--description", "");
    assertTrue(ok("export", "list").contains("  bandwidth=10M  "), ok("export", "list"));
    assertTrue(ok("--json", "export", "list").contains("\"operations_per_second\": 0"));
    assertTrue(fails(2, "export", "set", "x", "--iops", "-1").contains("must not be negative"));
    assertTrue(fails(1, "export", "set", "none").contains(": ENOENT: "));
  }

  @Test
  void export_saysWhoMayHaveIt() throws Exception {
    ok("export", "nbd", "disk", "--name", "x", "--tls", "required", "--allow", "cert:a,cert:b");
    assertTrue(ok("export", "list").contains("  allow=cert:a,cert:b,tls=required  "));
    ok("export", "set", "x", "--allow", "user:root", "--allow", "cert:c");
    assertTrue(ok("export", "list").contains("  allow=user:root,cert:c,tls=required  "));
  }

  @Test
  void export_allowShowsSetsAndResets() throws Exception {
    assertEquals("user:self\nuser:root\n", ok("export", "allow"));
    ok("export", "allow", "cert:backup-*", "address:10.0.0.0/8+cert:x");
    assertEquals("cert:backup-*\naddress:10.0.0.0/8+cert:x\n", ok("export", "allow"));
    assertTrue(fails(1, "export", "allow", "nobody").contains(": EINVAL: "));
    assertTrue(fails(2, "export", "allow", "any", "--reset").contains("exclude"));
    ok("export", "allow", "--reset");
    assertEquals("user:self\nuser:root\n", ok("export", "allow"));
  }

  @Test
  void export_removeSaysWhatBecomesOfClients() throws Exception {
    ok("export", "nbd", "disk", "--name", "busy");
    assertTrue(fails(1, "export", "remove", "busy").contains(": EBUSY: "));
    assertTrue(fails(2, "export", "remove", "busy", "--mode", "gone").contains("gone"));
    ok("export", "remove", "busy", "--mode", "hard");
    assertTrue(fails(1, "export", "remove", "busy").contains(": ENOENT: "));
  }

  @Test
  void export_ofAKindThatIsAbsentIsUnsupported() throws Exception {
    assertEquals(
        "sluice: export fuse: ENOTSUP: no exporter of kind fuse is running; start the bundle"
            + " export-fuse",
        fails(1, "export", "fuse", "disk"));
  }

  @Test
  void stats_showsAllOrOne() throws Exception {
    ok("device", "add", "b", "b.img");
    assertEquals(3, ok("stats").lines().count());
    assertEquals(2, ok("stats", "b").lines().count());
    List<Object> stats = JSON.std.listFrom(ok("stats", "disk", "--json"));
    assertEquals(4096, ((Map<?, ?>) stats.get(0)).get("read_bytes"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "nonsense",
        "device",
        "device nonsense",
        "device add",
        "device add a",
        "device add a b c",
        "device list --bogus",
        "device add a b --block-size 1.5K",
        "filter attach disk trace --on-error sometimes",
        "filter attach disk trace --altitude x",
        "filter attach disk trace noequals",
        "snapshot create disk",
        "snapshot create disk --store nocolon",
        "snapshot create disk --store file:",
        "snapshot take a b",
        "snapshot take",
        "--run-dir x device list"
      })
  void usageErrorsExitWith2OnOneLineThatSaysWhereToLook(String line) throws Exception {
    assertTrue(fails(2, line.split(" ")).contains("; see \"sluice help"), output.error());
  }

  @Test
  void usage_suggestsWhatMayBeMeant() throws Exception {
    assertEquals(
        "sluice: no such command: snapshto; did you mean snapshot or store or shutdown?; see \"sluice help\"",
        fails(2, "snapshto", "list"));
  }

  @Test
  void help_showsEveryCommand() throws Exception {
    String all = ok("help");
    for (String group :
        tool.newCommandLine(new Session(Path.of("/"), 0, null, null, null))
            .getSubcommands()
            .keySet()) {
      assertTrue(all.contains("\n  " + group + " "), group);
    }
    String one = ok("help", "snapshot", "take");
    assertTrue(one.startsWith("Usage: sluice snapshot take"), one);
    assertEquals(one, ok("snapshot", "take", "--help"));
    assertEquals(one, ok("help", "snapshot:take"));
    assertTrue(fails(1, "help", "none").contains(": ENOENT: "));
    assertFalse(all.contains("[\u001b"), "no colours");
  }

  @Test
  void arguments_areNeverExpanded() throws Exception {
    ok("device", "add", "c", "@/etc/hostname");
    assertEquals("/home/me/@/etc/hostname", agent.devices.info("c").path());
    ok("device", "add", "d", "${sys:user.home} \"x\" 'y' $(id)");
    assertEquals("/home/me/${sys:user.home} \"x\" 'y' $(id)", agent.devices.info("d").path());
  }

  @Test
  void failures_ofOurOwnAreOneLineToo() throws Exception {
    agent.exporters.add(null);
    assertTrue(
        fails(1, "export", "list").startsWith("sluice: export list: EFAULT: internal error"));
  }
}
