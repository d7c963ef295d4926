package io.sluice.registry;

import static io.sluice.registry.Fixture.ALL_OPS;
import static io.sluice.registry.Fixture.PASS;
import static io.sluice.registry.Fixture.read;
import static io.sluice.registry.Fixture.refused;
import static io.sluice.registry.Fixture.write;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import io.sluice.filter.ChainEntry;
import io.sluice.filter.DeviceStats;
import io.sluice.filter.Filter;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The way of a bio through a chain: order, checks, emulation, counters, block status. */
@Timeout(120)
final class ChainTest {
  private static final Set<BioOp> PLAIN = EnumSet.of(BioOp.READ, BioOp.WRITE, BioOp.FLUSH);

  private final Fixture fixture = new Fixture(Duration.ofSeconds(30));
  private final List<String> seen = new ArrayList<>();

  private Filter noting(String name) {
    return (bio, next) -> {
      seen.add(name + " " + bio);
      next.submit(bio);
    };
  }

  @Test
  void biosMeetHighAltitudesFirst_inWhateverOrderFiltersCome() throws ErrnoException {
    List<String> names = List.of("a", "b", "c");
    List<List<Integer>> orders =
        List.of(
            List.of(0, 1, 2),
            List.of(0, 2, 1),
            List.of(1, 0, 2),
            List.of(1, 2, 0),
            List.of(2, 0, 1),
            List.of(2, 1, 0));
    BlockDevice disk = fixture.add("disk");
    int[] altitudes = {Integer.MAX_VALUE, 0, Integer.MIN_VALUE};
    for (int i = 0; i < 3; i++) {
      fixture.register(names.get(i), altitudes[i], ALL_OPS, noting(names.get(i)));
    }
    for (List<Integer> order : orders) {
      for (int i : order) {
        fixture.attach("disk", names.get(i));
      }
      seen.clear();
      write(disk, 0, 512, 1);
      assertEquals(
          List.of("a WRITE 0+512", "b WRITE 0+512", "c WRITE 0+512"), seen, order.toString());
      assertEquals(names, fixture.registry.chain("disk").stream().map(ChainEntry::filter).toList());
      for (int i : order) {
        fixture.registry.detach("disk", names.get(i));
      }
    }
  }

  @Test
  void theDeviceChecksABioBeforeAnyFilterSeesIt() throws ErrnoException {
    BlockDevice disk = fixture.add("disk");
    fixture.register("f", 1, ALL_OPS, noting("f"));
    fixture.attach("disk", "f");
    refused(Errno.EINVAL, () -> write(disk, 1, 512, 1), "disk", "512");
    refused(Errno.EINVAL, () -> read(disk, 65536, 512), "65536");
    refused(Errno.ENOSPC, () -> write(disk, 65536, 512, 1), "65536");
    ByteBuffer readOnly = ByteBuffer.allocate(512).asReadOnlyBuffer();
    refused(Errno.EINVAL, () -> disk.submit(new Bio().read(0, readOnly)), "read-only");
    Bio used = new Bio().write(0, ByteBuffer.allocate(512), 0);
    disk.submit(used);
    refused(Errno.EINVAL, () -> disk.submit(used), "again");
    MemoryOrigin origin = fixture.origin("disk");
    DeviceGeometry g = origin.geometry();
    origin.setGeometry(new DeviceGeometry(g.sizeBytes(), 512, 4096, true, false, g.ops()));
    refused(Errno.EPERM, () -> write(disk, 0, 512, 1), "read-only");
    assertEquals(List.of("f WRITE 0+512"), seen);
    assertEquals(6, fixture.devices.stats("disk").errorCount());
  }

  @Test
  void emptyBiosCompleteAtOnce() throws ErrnoException {
    BlockDevice disk = fixture.add("disk");
    fixture.register("f", 1, ALL_OPS, noting("f"));
    fixture.attach("disk", "f");
    disk.submit(new Bio().read(0, ByteBuffer.allocate(0)));
    disk.submit(new Bio().write(512, ByteBuffer.allocate(0), 0));
    disk.submit(new Bio().discard(0, 0, 0));
    disk.submit(new Bio().writeZeroes(65536, 0, 0));
    assertEquals(List.of(), seen);
    disk.submit(new Bio().flush());
    assertEquals(List.of("f FLUSH 0+0"), seen);
  }

  @Test
  void resizeOfTheOriginIsSeenAtOnce() throws ErrnoException {
    BlockDevice disk = fixture.add("disk");
    fixture.register("f", 1, PLAIN, PASS);
    fixture.attach("disk", "f");
    DeviceGeometry before = disk.geometry();
    assertSame(before, disk.geometry(), "not made anew per call");
    MemoryOrigin origin = fixture.origin("disk");
    origin.setGeometry(new DeviceGeometry(1024, 512, 512, false, true, ALL_OPS));
    assertEquals(1024, disk.geometry().sizeBytes());
    assertTrue(disk.geometry().rotational());
    refused(Errno.ENOSPC, () -> write(disk, 1024, 512, 1));
  }

  @Test
  void opsAreTheOriginsLessWhatFiltersRefuse() throws ErrnoException {
    fixture.originOps = EnumSet.of(BioOp.READ, BioOp.WRITE);
    BlockDevice plain = fixture.add("plain");
    assertEquals(
        EnumSet.of(BioOp.READ, BioOp.WRITE, BioOp.FLUSH, BioOp.WRITE_ZEROES),
        plain.geometry().ops());
    fixture.originOps = ALL_OPS;
    BlockDevice disk = fixture.add("disk");
    assertEquals(ALL_OPS, disk.geometry().ops());
    fixture.register("old", 1, PLAIN, PASS);
    fixture.register("reader", 2, EnumSet.of(BioOp.READ), PASS);
    fixture.attach("disk", "old");
    Set<BioOp> ops = EnumSet.copyOf(PLAIN);
    ops.add(BioOp.WRITE_ZEROES);
    assertEquals(ops, disk.geometry().ops());
    refused(Errno.ENOTSUP, () -> disk.submit(new Bio().discard(0, 512, 0)), "DISCARD");
    fixture.attach("disk", "reader");
    assertEquals(EnumSet.of(BioOp.READ), disk.geometry().ops());
    refused(Errno.ENOTSUP, () -> write(disk, 0, 512, 1));
    refused(Errno.ENOTSUP, () -> disk.submit(new Bio().writeZeroes(0, 512, 0)));
    refused(Errno.ENOTSUP, () -> disk.submit(new Bio().flush()));
    assertEquals(List.of(), fixture.origin("disk").log);
    fixture.registry.detach("disk", "reader");
    fixture.registry.detach("disk", "old");
    assertEquals(ALL_OPS, disk.geometry().ops());
    disk.submit(new Bio().discard(0, 512, 0));
    assertEquals(List.of("DISCARD 0+512"), fixture.origin("disk").log);
  }

  @Test
  void anUnknownOpFromAFilterAboveIsRefusedToo() throws ErrnoException {
    BlockDevice disk = fixture.add("disk");
    fixture.register("old", 1, PLAIN, noting("old"));
    fixture.register(
        "trimmer", 2, ALL_OPS, (bio, next) -> next.submit(new Bio().discard(0, 512, 0)));
    fixture.attach("disk", "old");
    fixture.attach("disk", "trimmer");
    refused(Errno.ENOTSUP, () -> write(disk, 0, 512, 1), "filter old", "DISCARD");
    assertEquals(List.of(), seen);
    assertEquals(List.of(), fixture.origin("disk").log);
  }

  @Test
  void writeZeroesReachesAnOldFilterAsWrites() throws ErrnoException {
    fixture.originSizeBytes = 3 * ZeroWrites.PIECE_MAX_BYTES;
    BlockDevice disk = fixture.add("disk");
    fixture.register("new", 2, ALL_OPS, noting("new"));
    fixture.register(
        "old",
        1,
        PLAIN,
        (bio, next) -> {
          if (bio.data() != null) {
            assertTrue(bio.data().isReadOnly(), "nobody can spoil the zeroes");
          }
          seen.add("old " + bio);
          next.submit(bio);
        });
    fixture.attach("disk", "old");
    fixture.attach("disk", "new");
    Arrays.fill(fixture.origin("disk").bytes, (byte) 7);
    int length = 2 * ZeroWrites.PIECE_MAX_BYTES + 512;
    disk.submit(new Bio().writeZeroes(512, length, Bio.FUA | Bio.NO_UNMAP));
    int piece = ZeroWrites.PIECE_MAX_BYTES;
    List<String> writes =
        List.of(
            "WRITE 512+" + piece + " flags 1",
            "WRITE " + (512 + piece) + "+" + piece + " flags 1",
            "WRITE " + (512 + 2 * piece) + "+512 flags 1");
    assertEquals("new WRITE_ZEROES 512+" + length + " flags 3", seen.get(0));
    assertEquals(writes.stream().map(w -> "old " + w).toList(), seen.subList(1, seen.size()));
    assertEquals(writes, fixture.origin("disk").log);
    byte[] expected = new byte[fixture.originSizeBytes];
    Arrays.fill(expected, (byte) 7);
    Arrays.fill(expected, 512, 512 + length, (byte) 0);
    assertArrayEquals(expected, fixture.origin("disk").bytes);
    Bio fast = new Bio().writeZeroes(0, 512, Bio.FAST_ONLY);
    refused(Errno.ENOTSUP, () -> disk.submit(fast), "filter old");
    assertArrayEquals(expected, fixture.origin("disk").bytes);
    assertEquals(3, fixture.registry.chain("disk").get(1).bioCount());
    DeviceStats stats = fixture.devices.stats("disk");
    assertEquals(1, stats.writeZeroesCount());
    assertEquals(length, stats.writeZeroesBytes());
    assertEquals(0, stats.writeCount());
  }

  @Test
  void anOriginWithoutZeroingOrFlushIsHelpedOut() throws ErrnoException {
    fixture.originOps = EnumSet.of(BioOp.READ, BioOp.WRITE);
    BlockDevice disk = fixture.add("disk");
    write(disk, 0, 1024, 7);
    disk.submit(new Bio().writeZeroes(0, 512, 0));
    disk.submit(new Bio().flush());
    assertEquals(
        List.of("WRITE 0+1024", "WRITE 0+512"), fixture.origin("disk").log, "no flush sent");
    byte[] expected = new byte[1024];
    Arrays.fill(expected, 512, 1024, (byte) 7);
    assertArrayEquals(expected, read(disk, 0, 1024));
    refused(
        Errno.ENOTSUP,
        () -> disk.submit(new Bio().writeZeroes(0, 512, Bio.FAST_ONLY)),
        "/mem/disk");
    refused(Errno.ENOTSUP, () -> disk.submit(new Bio().discard(0, 512, 0)));
  }

  @Test
  void aLongRangeGoesThroughTheGateInPieces() throws ErrnoException {
    long piece = LiveDevice.RANGE_PIECE_MAX_BYTES;
    BlockDevice disk = fixture.add("disk");
    fixture.register("sink", 1, ALL_OPS, (bio, next) -> seen.add(bio.toString()));
    fixture.attach("disk", "sink");
    fixture
        .origin("disk")
        .setGeometry(new DeviceGeometry(1L << 40, 512, 4096, false, false, ALL_OPS));
    disk.submit(new Bio().discard(512, 2 * piece, 0));
    disk.submit(new Bio().writeZeroes(0, piece + 512, Bio.FUA));
    assertEquals(
        List.of(
            "DISCARD 512+" + piece,
            "DISCARD " + (512 + piece) + "+" + piece,
            "WRITE_ZEROES 0+" + piece + " flags 1",
            "WRITE_ZEROES " + piece + "+512 flags 1"),
        seen);
    refused(Errno.EINVAL, () -> disk.submit(new Bio().discard(512, 1L << 40, 0)));
    refused(Errno.ENOSPC, () -> disk.submit(new Bio().writeZeroes(512, 1L << 40, 0)));
    assertEquals(4, seen.size(), "nothing was touched before the refusal");
    DeviceStats stats = fixture.devices.stats("disk");
    assertEquals(1, stats.discardCount());
    assertEquals(2 * piece, stats.discardBytes());
    assertEquals(piece + 512, stats.writeZeroesBytes());
  }

  @Test
  void aFilterMayCompleteAlone() throws ErrnoException {
    BlockDevice disk = fixture.add("disk");
    fixture.register(
        "null",
        1,
        PLAIN,
        (bio, next) -> {
          if (bio.data() != null) {
            bio.data().position(bio.data().limit());
          }
        });
    fixture.attach("disk", "null");
    assertArrayEquals(new byte[512], read(disk, 0, 512));
    disk.submit(new Bio().flush());
    assertEquals(List.of(), fixture.origin("disk").log);
  }

  @Test
  void errorsFromBelowPassAndAreCounted() throws ErrnoException {
    BlockDevice disk = fixture.add("disk");
    fixture.register("f", 1, PLAIN, PASS);
    fixture.attach("disk", "f");
    ErrnoException full = new ErrnoException(Errno.EDQUOT, "quota");
    fixture.origin("disk").before =
        bio -> {
          throw full;
        };
    assertSame(full, refused(Errno.EDQUOT, () -> write(disk, 0, 512, 1)));
    ChainEntry entry = fixture.registry.chain("disk").get(0);
    assertEquals(1, entry.bioCount());
    assertEquals(1, entry.errorCount());
    assertEquals(0, entry.faultCount());
    assertEquals(1, fixture.devices.stats("disk").errorCount());
    assertEquals(0, fixture.devices.stats("disk").writeBytes());
  }

  @Test
  void aFaultOfTheOriginIsNotAFiltersFault() throws ErrnoException {
    BlockDevice disk = fixture.add("disk");
    fixture.register("f", 1, PLAIN, PASS);
    fixture.attach("disk", "f");
    fixture.origin("disk").before =
        bio -> {
          throw new IllegalStateException("boom");
        };
    refused(Errno.EIO, () -> write(disk, 0, 512, 1), "/mem/disk", "boom");
    assertEquals("attached", fixture.registry.chain("disk").get(0).state());
  }

  @Test
  void statsCountWhatWasDone() throws ErrnoException {
    BlockDevice disk = fixture.add("disk");
    write(disk, 0, 1024, 1);
    write(disk, 0, 512, 1);
    read(disk, 0, 4096);
    disk.submit(new Bio().flush());
    disk.submit(new Bio().discard(0, 512, 0));
    DeviceStats stats = fixture.devices.stats("disk");
    assertEquals(new DeviceStats("disk", 1, 4096, 2, 1536, 1, 1, 512, 0, 0, 0, 0, 0, 0), stats);
  }

  /** Says that everything is a hole, in two extents. */
  private static final class Holes implements Filter {
    @Override
    public void submit(Bio bio, BlockDevice next) throws ErrnoException {
      next.submit(bio);
    }

    @Override
    public void status(
        long offsetBytes, long lengthBytes, ExtentVisitor visitor, BlockDevice next) {
      if (visitor.extent(512, ExtentVisitor.HOLE) && lengthBytes > 512) {
        visitor.extent(lengthBytes - 512, ExtentVisitor.ZERO);
      }
    }
  }

  private List<String> status(BlockDevice disk, long offsetBytes, long lengthBytes)
      throws ErrnoException {
    List<String> extents = new ArrayList<>();
    disk.status(offsetBytes, lengthBytes, (length, state) -> extents.add(length + ":" + state));
    return extents;
  }

  @Test
  void statusGoesThroughTheChain() throws ErrnoException {
    BlockDevice disk = fixture.add("disk");
    assertEquals(List.of("65536:0"), status(disk, 0, Long.MAX_VALUE));
    fixture.register("holes", 1, PLAIN, new Holes());
    fixture.register("pass", 2, PLAIN, PASS);
    fixture.attach("disk", "holes");
    fixture.attach("disk", "pass");
    assertEquals(List.of("512:1", "1024:2"), status(disk, 512, 1536));
    for (long[] range : new long[][] {{-512, 1}, {0, 0}, {65536, 1}, {1, 1}}) {
      refused(Errno.EINVAL, () -> status(disk, range[0], range[1]), "block status", "65536");
    }
  }

  @Test
  void whatAVisitorThrowsIsItsOwn() throws ErrnoException {
    BlockDevice disk = fixture.add("disk");
    fixture.register("holes", 1, PLAIN, new Holes());
    fixture.attach("disk", "holes");
    IllegalStateException mine = new IllegalStateException("mine");
    ExtentVisitor visitor =
        (length, state) -> {
          throw mine;
        };
    assertSame(
        mine, assertThrows(IllegalStateException.class, () -> disk.status(0, 1024, visitor)));
    assertEquals("attached", fixture.registry.chain("disk").get(0).state());
    assertEquals(0, fixture.devices.stats("disk").inFlightCount());
  }
}
