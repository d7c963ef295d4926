package io.sluice.registry;

import static io.sluice.registry.Fixture.refused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.StorageIdentity;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Names and paths that lead to a device. */
@Timeout(120)
final class ResolveTest {
  @TempDir Path directory;

  private final Map<String, String> served = new HashMap<>();
  private Fixture fixture;
  private Path image;

  @BeforeEach
  void setUp() throws IOException {
    DeviceLocator locator =
        new DeviceLocator(directory.resolve("sys"), directory.resolve("proc"), () -> served);
    fixture = new Fixture(Duration.ofSeconds(30), locator);
    image = Files.write(directory.resolve("disk.img"), new byte[65536]);
    fixture.add("disk");
    fixture.add("other");
    fixture.origin("disk").identity =
        new StorageIdentity(false, attribute(image, "unix:dev"), attribute(image, "unix:ino"));
  }

  private static long attribute(Path path, String name) throws IOException {
    return ((Number) Files.getAttribute(path, name)).longValue();
  }

  private void assertLeadsToDisk(String word) throws ErrnoException {
    assertEquals("disk", fixture.devices.resolve(word), word);
  }

  @Test
  void byNameAndByEveryNameOfTheFile() throws IOException {
    assertLeadsToDisk("disk");
    assertLeadsToDisk(image.toString());
    assertLeadsToDisk(directory + "/./../" + directory.getFileName() + "/disk.img");
    Path link = Files.createSymbolicLink(directory.resolve("link"), image);
    assertLeadsToDisk(link.toString());
    Path linkToLink = Files.createSymbolicLink(directory.resolve("link2"), link);
    assertLeadsToDisk(linkToLink.toString());
    Path hard = Files.createLink(directory.resolve("hard"), image);
    assertLeadsToDisk(hard.toString());
    assertEquals("other", fixture.devices.resolve("other"));
  }

  @Test
  void nothingElseResolves() throws IOException {
    Path copy = Files.copy(image, directory.resolve("copy"));
    Path dangling = Files.createSymbolicLink(directory.resolve("gone"), directory.resolve("none"));
    for (String word :
        new String[] {
          "",
          "dis",
          "/",
          copy.toString(),
          dangling.toString(),
          directory.toString(),
          "/dev/null",
          "/no/such",
          "a\0/b",
          "/dev/block/1",
          "/dev/block/1:2:3",
          "/dev/block/99999:1"
        }) {
      refused(Errno.ENODEV, () -> fixture.devices.resolve(word), "devices: disk, other");
    }
  }

  private void fakeLoop(int minor, String backingFile, String offset) throws IOException {
    Path loop = directory.resolve("sys/dev/block/7:" + minor + "/loop");
    Files.createDirectories(loop);
    Files.writeString(loop.resolve("backing_file"), backingFile + "\n");
    Files.writeString(loop.resolve("offset"), offset + "\n");
  }

  @Test
  void throughLoopDevicesDownToTheFile() throws IOException {
    fakeLoop(3, image.toString(), "0");
    assertLeadsToDisk("/dev/block/7:3");
    fakeLoop(4, "/dev/block/7:3", "0");
    assertLeadsToDisk("/dev/block/7:4");
    fakeLoop(5, image.toString(), "1048576");
    refused(Errno.ENODEV, () -> fixture.devices.resolve("/dev/block/7:5"));
    fakeLoop(6, image + " (deleted)", "0");
    refused(Errno.ENODEV, () -> fixture.devices.resolve("/dev/block/7:6"));
    fakeLoop(7, "/dev/block/7:7", "0");
    refused(Errno.ENODEV, () -> fixture.devices.resolve("/dev/block/7:7"));
  }

  /** Nobody but this process answers for a served file, so that it is not even looked at. */
  @Test
  void byTheFileThatItIsServedAs() throws IOException {
    Path run = Files.createDirectories(directory.toRealPath().resolve("run"));
    Files.createSymbolicLink(run.resolve("dev"), Path.of("fuse", "dev"));
    served.put(run.resolve("dev/disk").toString(), "disk");
    served.put(run.resolve("file of other").toUri().toString(), "other");
    served.put(run.resolve("images/disk@s").toString(), "disk@s");
    assertLeadsToDisk(run.resolve("dev/disk").toString());
    assertLeadsToDisk(run.resolve("fuse/dev/disk").toString());
    Path link = Files.createSymbolicLink(directory.resolve("l"), run.resolve("dev/disk"));
    assertLeadsToDisk(link.toString());
    assertLeadsToDisk(run + "/../run/dev/disk");
    assertEquals("other", fixture.devices.resolve(run.resolve("file of other").toString()));
    fakeLoop(3, run.resolve("fuse/dev/disk").toString(), "0");
    assertLeadsToDisk("/dev/block/7:3");
    fakeLoop(4, "/dev/block/7:3", "0");
    assertLeadsToDisk("/dev/block/7:4");
    refused(Errno.ENODEV, () -> fixture.devices.resolve(run.resolve("images/disk@s").toString()));
    refused(Errno.ENODEV, () -> fixture.devices.resolve(run.resolve("dev/disk2").toString()));
  }

  /** What a server in user space does not answer hangs whoever asks. */
  @Test
  void aLoopDeviceOnSomebodyElsesFuseFileIsNotFollowed() throws IOException {
    fakeLoop(3, image.toString(), "0");
    assertLeadsToDisk("/dev/block/7:3");
    Path mounts = Files.createDirectories(directory.resolve("proc/self")).resolve("mountinfo");
    Path point = directory.toRealPath();
    Files.writeString(
        mounts,
        "36 1 0:32 / / rw - ext4 /dev/sda1 rw\n36 35 0:32 / "
            + point
            + " rw shared:1 - fuse.sshfs host: rw\n");
    fakeLoop(4, point.resolve("disk.img").toString(), "0");
    refused(Errno.ENODEV, () -> fixture.devices.resolve("/dev/block/7:4"));
  }

  private void fakeNbd(int minor, String... words) throws IOException {
    Path device = Files.createDirectories(directory.resolve("sys/dev/block/43:" + minor));
    Files.writeString(device.resolve("pid"), (1000 + minor) + "\n");
    Path process = Files.createDirectories(directory.resolve("proc/" + (1000 + minor)));
    Files.writeString(process.resolve("cmdline"), String.join("\0", words) + "\0");
  }

  @Test
  void throughAnNbdDevice() throws IOException {
    served.put("nbd+unix:///disk?socket=/run/nbd.sock", "disk");
    served.put("nbd+unix:///other?socket=/run/nbd.sock", "other");
    fakeNbd(0, "nbd-client", "-unix", "/run/nbd.sock", "-N", "disk", "/dev/nbd0");
    assertLeadsToDisk("/dev/block/43:0");
    fakeNbd(1, "qemu-nbd", "-c", "/dev/nbd1", "nbd+unix:///other?socket=/run/nbd.sock");
    assertEquals("other", fixture.devices.resolve("/dev/block/43:1"));
    fakeNbd(2, "nbd-client", "-unix", "/elsewhere/nbd.sock", "-N", "disk", "/dev/nbd2");
    fakeNbd(3, "nbd-client", "-unix", "/run/nbd.sock", "-N", "disk@s", "/dev/nbd3");
    fakeNbd(4, "nbd-client", "-unix", "/run/nbd.sock", "-N");
    for (int minor = 2; minor <= 5; minor++) {
      String path = "/dev/block/43:" + minor;
      refused(Errno.ENODEV, () -> fixture.devices.resolve(path));
    }
  }

  @Test
  void byDeviceNumber() throws ErrnoException {
    // 259:1048575 fills the parts that the C library's encoding of a number is split into.
    long number = DeviceLocator.deviceNumber(259, 1048575);
    assertEquals(0xfff103ffL, number);
    fixture.origin("other").identity = new StorageIdentity(true, 0, number);
    assertEquals("other", fixture.devices.resolve("/dev/block/259:1048575"));
  }

  @Test
  void throughARealLoopDevice() throws Exception {
    assumeTrue(
        "root".equals(System.getProperty("user.name")), "losetup needs root, this user is not");
    String loop = output("losetup", "--find", "--show", image.toString());
    assumeTrue(loop.startsWith("/dev/loop"), "losetup gives no loop device here: " + loop);
    try {
      Fixture real = new Fixture(Duration.ofSeconds(30));
      real.add("disk");
      real.origin("disk").identity = fixture.origin("disk").identity;
      assertEquals("disk", real.devices.resolve(loop));
      Path link = Files.createSymbolicLink(directory.resolve("loop"), Path.of(loop));
      assertEquals("disk", real.devices.resolve(link.toString()));
      long number = attribute(Path.of(loop), "unix:rdev");
      int minor = Integer.parseInt(loop.substring("/dev/loop".length()));
      assertEquals(DeviceLocator.deviceNumber(7, minor), number);
      assertEquals("disk", real.devices.resolve("/dev/block/7:" + minor));
      real.origin("disk").identity = new StorageIdentity(true, 0, number);
      assertEquals("disk", real.devices.resolve(loop), "an origin that is the loop device itself");
    } finally {
      output("losetup", "--detach", loop);
    }
  }

  private static String output(String... command) throws Exception {
    Process process;
    try {
      process = new ProcessBuilder(command).redirectErrorStream(true).start();
    } catch (IOException e) {
      return e.getMessage();
    }
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    process.waitFor(30, TimeUnit.SECONDS);
    return text.strip();
  }
}
