package io.sluice.block;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Rules BLK-7 to BLK-11: what a device refuses before anything is touched. */
class DeviceGeometryTest {
  private static final long SIZE = 1 << 20;

  private static DeviceGeometry geometry(int blockSizeBytes, boolean readOnly, Set<BioOp> ops) {
    return new DeviceGeometry(SIZE, blockSizeBytes, 4096, readOnly, false, ops);
  }

  private static Errno refusal(DeviceGeometry geometry, Bio bio) {
    return assertThrows(ErrnoException.class, () -> geometry.check(bio, "disk")).errno();
  }

  @ParameterizedTest(name = "{0} at {1}+{2}: {3}")
  @CsvSource({
    "READ, 0, 512, ",
    "READ, 1048064, 512, ",
    "READ, 1048576, 512, EINVAL",
    "READ, 1048064, 1024, EINVAL",
    "READ, 1, 512, EINVAL",
    "READ, 512, 1, EINVAL",
    "READ, -512, 512, EINVAL",
    "READ, 9223372036854775296, 512, EINVAL",
    "READ, 1048576, 0, ",
    "WRITE, 1048064, 1024, ENOSPC",
    "WRITE, 9223372036854775296, 1024, ENOSPC",
    "WRITE_ZEROES, 0, 1048577, EINVAL",
    "WRITE_ZEROES, 512, 1048576, ENOSPC",
    "WRITE_ZEROES, 512, 9223372036854775296, ENOSPC",
    "DISCARD, 512, 1048576, EINVAL",
    "FLUSH, 0, 0, ",
  })
  void ranges(BioOp op, long offsetBytes, long lengthBytes, Errno errno) {
    DeviceGeometry geometry = geometry(512, false, EnumSet.allOf(BioOp.class));
    Bio bio = bio(op, offsetBytes, lengthBytes);
    if (errno == null) {
      assertDoesNotThrow(() -> geometry.check(bio, "disk"));
    } else {
      assertEquals(errno, refusal(geometry, bio));
    }
  }

  private static Bio bio(BioOp op, long offsetBytes, long lengthBytes) {
    Bio bio = new Bio();
    return switch (op) {
      case READ -> bio.read(offsetBytes, ByteBuffer.allocate((int) lengthBytes));
      case WRITE -> bio.write(offsetBytes, ByteBuffer.allocate((int) lengthBytes), 0);
      case FLUSH -> bio.flush();
      case DISCARD -> bio.discard(offsetBytes, lengthBytes, 0);
      case WRITE_ZEROES -> bio.writeZeroes(offsetBytes, lengthBytes, 0);
    };
  }

  @Test
  void readOnly_refusesChangesAlone() {
    DeviceGeometry geometry = geometry(1, true, EnumSet.allOf(BioOp.class));
    for (BioOp op : BioOp.values()) {
      if (op.modifiesData()) {
        assertEquals(Errno.EPERM, refusal(geometry, bio(op, 0, 1)));
      } else {
        assertDoesNotThrow(() -> geometry.check(bio(op, 0, 0), "disk"));
      }
    }
  }

  @Test
  void operationsThatAreNotServed_areRefusedByName() {
    DeviceGeometry geometry = geometry(1, false, Set.of(BioOp.WRITE));
    assertDoesNotThrow(() -> geometry.check(bio(BioOp.READ, 0, 1), "disk"));
    ErrnoException refused =
        assertThrows(ErrnoException.class, () -> geometry.check(bio(BioOp.DISCARD, 0, 1), "disk"));
    assertEquals(Errno.ENOTSUP, refused.errno());
    assertTrue(
        refused.getMessage().startsWith("ENOTSUP: DISCARD on disk: the device serves only "),
        refused.getMessage());
  }

  @Test
  void sectorCount_countsAStartedSector() {
    assertEquals(3, new DeviceGeometry(1025, 1, 512, false, false, Set.of()).sectorCount());
    assertEquals(0, new DeviceGeometry(0, 1, 512, false, false, Set.of()).sectorCount());
  }

  @ParameterizedTest(name = "size {0}, block {1}, preferred {2}")
  @CsvSource({
    "0, 0, 1",
    "0, 3, 4",
    "0, 131072, 131072",
    "512, 1024, 1024",
    "0, 512, 256",
    "-1, 1, 1"
  })
  void impossibleGeometriesAreRefused(long size, int block, int preferred) {
    assertThrows(
        IllegalArgumentException.class,
        () -> new DeviceGeometry(size, block, preferred, false, false, Set.of()));
  }
}
