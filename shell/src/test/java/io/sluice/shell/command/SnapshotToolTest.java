package io.sluice.shell.command;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.jr.ob.JSON;
import io.sluice.block.Errno;
import io.sluice.shell.FakeSnapshots;
import io.sluice.snapshot.SnapshotEvent;
import io.sluice.snapshot.SnapshotRequest;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Snapshots and their stores, as commands. */
class SnapshotToolTest extends ToolFixture {
  @Test
  void snapshot_createPrintsTheIdAndAsksForWhatWasSaid() throws Exception {
    assertEquals(
        ID + "\n",
        ok(
            "snapshot",
            "create",
            "disk",
            "--store",
            "file:diff",
            "--limit",
            "2g",
            "--chunk-size",
            "64K",
            "--name",
            "nightly"));
    assertEquals(
        new SnapshotRequest(List.of("disk"), "file", "/home/me/diff", 2L << 30, 65536, "nightly"),
        agent.snapshots.requests.get(0));
  }

  @ParameterizedTest
  @CsvSource({
    "file:a/b, /home/me/a/b",
    "dir:., /home/me",
    "blockdev:/dev/loop0, /dev/loop0",
    "tmpfs:64M, 64M",
    "other:x:y, x:y"
  })
  void snapshot_storeArgumentIsAPathOnlyForKindsOfPaths(String store, String argument)
      throws Exception {
    ok("snapshot", "create", "--store", store);
    assertEquals(argument, agent.snapshots.requests.get(0).storeArgument());
  }

  @Test
  void snapshot_takeGoesByIdNameOrInOneStep() throws Exception {
    ok("snapshot", "create", "disk", "--store", "dir:/var/diff", "--name", "n");
    assertEquals(ID + "\n", ok("snapshot", "take", "n"));
    String second = ok("snapshot", "take", "/data/disk.img", "--store", "dir:/var/diff").strip();
    assertEquals(FakeSnapshots.id(2).toString(), second);
    Map<String, Object> info = json("snapshot", "info", second, "--json");
    assertEquals("taken", info.get("state"));
    assertEquals("2026-01-02T03:04:05Z", info.get("taken_at"));
    Map<?, ?> device = (Map<?, ?>) ((List<?>) info.get("devices")).get(0);
    assertEquals("disk@" + second, device.get("image"));
  }

  @Test
  void snapshot_takeTellsWhatItFroze() throws Exception {
    ok("snapshot", "create", "disk", "--store", "dir:/var/diff", "--name", "n");
    ok("snapshot", "take", "n", "--freeze", "/mnt/a", "--freeze", "/mnt/slow");
    String text = ok("snapshot", "info", "n");
    assertTrue(text.contains("/mnt/a for 45 ms; freeze of /mnt/slow: as the test wants"), text);
    List<?> freezes = (List<?>) json("snapshot", "info", "n", "--json").get("freezes");
    assertEquals(
        "{mount_point=/mnt/a, frozen_nanos=45000000, warning=}", freezes.get(0).toString());
  }

  @Test
  void snapshot_takeInOneStepLeavesNothingBehindIfItFails() throws Exception {
    agent.snapshots.takeFails = Errno.EAGAIN;
    assertTrue(
        fails(1, "snapshot", "take", "disk", "--store", "dir:/var/diff")
            .startsWith("sluice: snapshot take: EAGAIN: "));
    assertEquals(List.of(), agent.snapshots.list());
  }

  @Test
  void snapshot_infoAndListShowStoreAndImages() throws Exception {
    ok("snapshot", "take", "disk", "--store", "dir:/var/diff", "--name", "n", "--limit", "1G");
    String info = ok("snapshot", "info", "n");
    assertTrue(info.contains("store limit:    1G (1073741824 bytes)\n"), info);
    assertTrue(info.contains("held for:       120 us\n"), info);
    assertTrue(
        info.endsWith(
            """

            DEVICE  IMAGE   STATE  CHUNK  SAVED  ZERO  COPIED  NUMBER  GENERATION
            disk    disk@n  ok        4K      2     1      8K       1  %s
            """
                .formatted(FakeSnapshots.GENERATION)),
        info);
    assertTrue(ok("snapshot", "list").contains(ID + "  n     taken"), output.text());
    ok("snapshot", "destroy", "n");
    assertTrue(fails(1, "snapshot", "info", "n").contains(": ESRCH: "));
  }

  @Test
  void store_listShowsHowFullAndHowFast() throws Exception {
    assertEquals(
        "SNAPSHOT  FILLED  CAPACITY  LIMIT  FULL  RATE  FULL-IN  STORE\n", ok("store", "list"));
    agent.snapshots.fillBytesPerSecond = 1 << 20;
    ok("snapshot", "take", "disk", "--store", "dir:/var/diff", "--name", "n", "--limit", "1G");
    assertEquals("", ok("store", "add", "n", "file:more", "--limit", "3G"));
    assertEquals(
        """
        SNAPSHOT  FILLED  CAPACITY  LIMIT  FULL  RATE  FULL-IN  STORE
        n              0        4K     1G  0.0%     -        -  dir /var/diff
        n              0        4K     3G  0.0%  1M/s     1h8m  file /home/me/more
        """,
        ok("store", "list", "n"));
    List<?> data = JSON.std.listFrom(ok("store", "list", "--json"));
    Map<?, ?> fill = (Map<?, ?>) data.get(0);
    assertEquals(1 << 20, fill.get("fill_bytes_per_second"));
    assertEquals(4096, fill.get("seconds_to_full"));
    assertEquals(
        Map.of(
            "description",
            "dir /var/diff",
            "capacity_bytes",
            4096,
            "filled_bytes",
            0,
            "limit_bytes",
            1 << 30),
        ((List<?>) fill.get("stores")).get(0));
    String info = ok("snapshot", "info", "n");
    assertTrue(info.contains("store fills at: 1M/s\nstore full in:  1h8m\n"), info);
    assertTrue(info.contains("FILLED  CAPACITY  LIMIT  FULL  STORE\n"), info);
    assertTrue(fails(1, "store", "list", "none").contains(": ESRCH: "));
    assertTrue(fails(1, "store", "add", "none", "dir:/x").contains(": ESRCH: "));
    assertTrue(fails(2, "store", "add", "n", "dir").contains("KIND:ARG"));
    assertTrue(fails(2, "store", "move", "n").contains("KIND:ARG"));
    assertTrue(fails(2, "store", "add", "n", "dir:/x", "--limit", "3X").contains("size \"3X\""));
  }

  @Test
  void store_moveLeavesOne() throws Exception {
    ok("snapshot", "take", "disk", "--store", "dir:/var/diff", "--name", "n");
    ok("store", "add", "n", "dir:/more");
    assertEquals("", ok("store", "move", "n", "dir:/other", "--limit", "2G"));
    Map<?, ?> store = (Map<?, ?>) json("snapshot", "info", "n", "--json").get("store");
    assertEquals("dir /other", store.get("description"));
    assertEquals(2L << 30, ((Number) store.get("limit_bytes")).longValue());
    assertTrue(fails(1, "store", "move", "none", "dir:/x").contains(": ESRCH: "));
  }

  @Test
  void snapshot_waitEventPrintsTheEventOrTimesOut() throws Exception {
    ok("snapshot", "take", "disk", "--store", "dir:/var/diff", "--name", "n");
    assertEquals(
        "sluice: snapshot wait-event: ETIMEDOUT: no event of snapshot " + ID + " in 1 ms",
        fails(1, "snapshot", "wait-event", "n", "--timeout", "1"));
    agent.snapshots.events.add(
        new SnapshotEvent(
            FakeSnapshots.id(1),
            FakeSnapshots.TAKEN_AT,
            SnapshotEvent.Code.CORRUPTED,
            "disk",
            Errno.ENOSPC.number(),
            0));
    assertEquals(
        """
        snapshot: %s
        time:     2026-01-02T03:04:05Z
        event:    corrupted
        device:   disk
        error:    ENOSPC
        """
            .formatted(ID),
        ok("snapshot", "wait-event", "n"));
    fails(2, "snapshot", "wait-event", "n", "--timeout", "-1");
  }

  @Test
  void snapshot_missingServiceIsAClearError() throws Exception {
    agent.snapshotsAreGone = true;
    assertEquals(
        "sluice: snapshot list: ENODEV: no snapshots: the snapshot bundle is not running",
        fails(1, "snapshot", "list"));
  }
}
