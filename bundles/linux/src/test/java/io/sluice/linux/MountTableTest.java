package io.sluice.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class MountTableTest {
  private static final List<String> LINES =
      List.of(
          "27 1 8:1 / / rw - ext4 /dev/sda1 rw",
          "42 27 0:39 / /run/a/fuse rw,nosuid - fuse.sluice sluice:/run/a rw,user_id=0,group_id=0",
          "43 27 0:40 / /srv/b\\040c.img rw - fuse.sluice sluice:/run/a rw,user_id=0,group_id=0",
          "44 27 0:41 / /run/b/fuse rw - fuse.sluice sluice:/run/b rw,user_id=0,group_id=0",
          "45 27 0:42 / /home/u/x rw - fuse.sluice sluice:/run/a rw,user_id=1000,group_id=0",
          "46 27 0:43 / /mnt/ssh rw - fuse.sshfs sluice:/run/a rw,user_id=0,group_id=0",
          "47 27 0:44 / /mnt/odd rw shared:1 - fuse.sluice sluice:/run/a rw,user_id=01",
          "cut short - fuse.sluice");

  /** The type, the source and the user have all to be the same: nobody else's mount is found. */
  @Test
  void mountsOfAKindAreFoundTheLatestFirst() {
    assertEquals(
        List.of(Path.of("/srv/b c.img"), Path.of("/run/a/fuse")),
        MountTable.mountPoints("fuse.sluice", "sluice:/run/a", "user_id=0", LINES));
    assertEquals(
        List.of(Path.of("/home/u/x")),
        MountTable.mountPoints("fuse.sluice", "sluice:/run/a", "user_id=1000", LINES));
    assertEquals(
        List.of(), MountTable.mountPoints("fuse.sluice", "sluice:/run", "user_id=0", LINES));
  }
}
