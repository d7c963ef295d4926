package io.sluice.nbd.server;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.block.DeviceRole;
import io.sluice.testing.MemoryDevice;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.StringTokenizer;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The clients that users have, against a server over memory. A missing one is skipped by name. */
@Timeout(120)
class RealClientsTest {
  private static final int SIZE_BYTES = 24 << 20;

  @TempDir Path directory;

  private final MemoryDevice disk = new MemoryDevice(SIZE_BYTES);
  private final MemoryDevice image = new MemoryDevice(1 << 20, 512, true);
  private final ExportTable table = new ExportTable();
  private final NbdServer server = new NbdServer(table);
  private Path socket;

  @BeforeEach
  void start() throws Exception {
    socket = directory.resolve("nbd.sock");
    table.deviceCame("disk", "A disk in memory", DeviceRole.LIVE, disk);
    table.deviceCame("disk@night", "Its image", DeviceRole.IMAGE, image);
    server.listen(
        new NbdConfiguration(
            List.of(socket.toString()), List.of("127.0.0.1:0"), false, TlsPolicy.OFF));
  }

  @AfterEach
  void stop() {
    server.close();
    assertEquals(0, server.takenBytes(), "buffers that no session has given back");
    assertEquals(List.of(), disk.holders, "holds that no session has let go");
  }

  private String uri() {
    return server.addresses("disk").get(0);
  }

  /**
   * Runs a client; its output if it ends with {@code exit}, else the test fails with the output.
   */
  private String run(int exit, String... command) throws Exception {
    assumeTrue(isInstalled(command[0]), command[0] + " is not installed");
    Path output = directory.resolve("output");
    Process process =
        new ProcessBuilder(command)
            .directory(directory.toFile())
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    boolean ended = process.waitFor(60, TimeUnit.SECONDS);
    if (!ended) {
      process.destroyForcibly();
    }
    String text = Files.readString(output, StandardCharsets.UTF_8);
    assertTrue(ended, () -> String.join(" ", command) + " did not end:\n" + text);
    assertEquals(exit, process.exitValue(), () -> String.join(" ", command) + ":\n" + text);
    return text;
  }

  private static boolean isInstalled(String tool) {
    if (tool.startsWith("/")) {
      return Files.isExecutable(Path.of(tool));
    }
    StringTokenizer folders = new StringTokenizer(System.getenv("PATH"), File.pathSeparator);
    while (folders.hasMoreTokens()) {
      if (Files.isExecutable(Path.of(folders.nextToken(), tool))) {
        return true;
      }
    }
    return false;
  }

  private void fill() {
    Random random = new Random(20261121);
    byte[] block = new byte[1 << 20];
    for (int i = 0; i < SIZE_BYTES / block.length; i += 3) {
      random.nextBytes(block);
      disk.poke(i * block.length + 12 * 4096, block, block.length / 2);
    }
  }

  @Test
  void nbdinfo() throws Exception {
    String info = run(0, "nbdinfo", uri());
    for (String line :
        List.of(
            "protocol: newstyle-fixed without TLS, using structured packets",
            "export=\"disk\"",
            "description: A disk in memory",
            "export-size: " + SIZE_BYTES,
            "base:allocation",
            "is_read_only: false",
            "can_cache: true",
            "can_df: true",
            "can_fast_zero: true",
            "can_flush: true",
            "can_fua: true",
            "can_multi_conn: true",
            "can_trim: true",
            "can_zero: true",
            "block_size_minimum: 1",
            "block_size_maximum: 33554432")) {
      assertTrue(info.contains(line), () -> "no \"" + line + "\" in\n" + info);
    }
    assertEquals(SIZE_BYTES + "\n", run(0, "nbdinfo", "--size", uri()));
    assertEquals(SIZE_BYTES + "\n", run(0, "nbdinfo", "--size", "nbd+unix:///?socket=" + socket));
    assertEquals(SIZE_BYTES + "\n", run(0, "nbdinfo", "--size", server.addresses("disk").get(1)));
    run(0, "nbdinfo", "--is", "read-only", server.addresses("disk@night").get(0));
    run(2, "nbdinfo", "--is", "tls", uri());
  }

  @Test
  void listsAndRefuses() throws Exception {
    String list = run(0, "nbdinfo", "--list", "--json", "nbd+unix:///?socket=" + socket);
    assertTrue(list.contains("\"export-name\": \"disk@night\""), list);
    assertTrue(list.contains("Its image"), list);
    String qemu = run(0, "qemu-nbd", "-L", "-k", socket.toString());
    assertTrue(qemu.contains("export: 'disk'") && qemu.contains("base:allocation"), qemu);
    String refused = run(1, "nbdinfo", "nbd+unix:///nope?socket=" + socket);
    assertTrue(refused.contains("No such file or directory for export: nope"), refused);
    String quoted = run(1, "qemu-img", "info", "nbd+unix:///nope?socket=" + socket);
    assertTrue(quoted.contains("ENOENT: no such export: nope."), quoted);
  }

  @Test
  void nbdClientLists() throws Exception {
    String list = run(0, "/usr/sbin/nbd-client", "-l", "-unix", socket.toString());
    assertTrue(list.contains("\ndisk: A disk in memory\ndisk@night: Its image\n"), list);
  }

  @Test
  void copiesAndMaps() throws Exception {
    fill();
    Path reference = directory.resolve("reference");
    Files.write(reference, disk.bytes);
    run(0, "nbdcopy", uri(), "copy");
    assertArrayEquals(disk.bytes, Files.readAllBytes(directory.resolve("copy")));
    run(0, "nbdcopy", "--no-extents", uri(), "plain");
    assertArrayEquals(disk.bytes, Files.readAllBytes(directory.resolve("plain")));
    String map = run(0, "nbdinfo", "--map", "--totals", uri());
    assertTrue(map.contains("hole,zero") && map.contains("data"), map);
    assertTrue(
        run(0, "qemu-img", "map", "--output=json", "-f", "raw", uri()).contains("\"zero\": true"));
    run(0, "qemu-img", "convert", "-f", "raw", "-O", "qcow2", uri(), "copy.qcow2");
    run(0, "qemu-img", "compare", "-F", "raw", "copy.qcow2", "reference");
  }

  @Test
  void copiesIn() throws Exception {
    byte[] source = new byte[SIZE_BYTES];
    new Random(7).nextBytes(source);
    Arrays.fill(source, 5 << 20, 9 << 20, (byte) 0);
    Files.write(directory.resolve("source"), source);
    run(0, "nbdcopy", "--flush", "source", uri());
    assertArrayEquals(source, disk.bytes);
    assertTrue(disk.flushCount.get() > 0, "nbdcopy --flush sent no flush");
  }

  @Test
  void qemuIo() throws Exception {
    String text =
        run(
            0,
            "qemu-io",
            "-f",
            "raw",
            "-c",
            "write -P 0x5a 4k 4k",
            "-c",
            "read -P 0x5a 4k 4k",
            "-c",
            "write -f -P 0x11 12345 777",
            "-c",
            "read -P 0x11 12345 777",
            "-c",
            "write -P 0x77 1M 8M",
            "-c",
            "read -P 0x77 1M 8M",
            "-c",
            "write -z -u 1M 1M",
            "-c",
            "read -P 0 1M 1M",
            "-c",
            "discard 2M 1M",
            "-c",
            "flush",
            uri());
    assertTrue(!text.contains("failed"), text);
    assertTrue(disk.flushCount.get() > 0 && disk.fuaCount.get() > 0, "no flush or FUA came");
  }

  @Test
  void fioVerifies() throws Exception {
    String text =
        run(
            0,
            "fio",
            "--name=t",
            "--ioengine=nbd",
            "--uri=" + uri(),
            "--rw=randrw",
            "--bs=4k",
            "--size=16M",
            "--iodepth=16",
            "--verify=crc32c",
            "--randrepeat=1");
    assertTrue(text.contains("err= 0"), text);
    text =
        run(
            0,
            "fio",
            "--name=t",
            "--ioengine=nbd",
            "--uri=" + uri(),
            "--rw=write",
            "--bs=1m",
            "--size=16M",
            "--iodepth=8",
            "--verify=crc32c",
            "--randrepeat=1");
    assertTrue(text.contains("err= 0"), text);
  }

  @Test
  void oneFlushCoversAllConnections() throws Exception {
    String script =
        """
        import nbd, sys
        a = nbd.NBD(); a.connect_uri(sys.argv[1])
        b = nbd.NBD(); b.connect_uri(sys.argv[1])
        assert a.can_multi_conn() and b.can_multi_conn()
        a.pwrite(b'A' * 65536, 4096); a.flush()
        assert b.pread(65536, 4096) == bytearray(b'A' * 65536)
        b.pwrite(b'B' * 512, 8192, nbd.CMD_FLAG_FUA)
        assert a.pread(512, 8192) == bytearray(b'B' * 512)
        a.shutdown(); b.shutdown()
        print('multi-conn ok')
        """;
    Path python = Path.of("/usr/bin/python3");
    assumeTrue(Files.isExecutable(python), "/usr/bin/python3 is not installed");
    assumeTrue(hasLibnbd(python), "python3-libnbd is not installed");
    assertEquals("multi-conn ok\n", run(0, python.toString(), "-c", script, uri()));
  }

  private static boolean hasLibnbd(Path python) throws IOException, InterruptedException {
    Process probe =
        new ProcessBuilder(python.toString(), "-c", "import nbd")
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    return probe.waitFor() == 0;
  }
}
