package io.sluice.fuse.session;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.DeviceRole;
import io.sluice.block.ErrnoException;
import io.sluice.fuse.Kernel;
import io.sluice.testing.MemoryDevice;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.opentest4j.AssertionFailedError;

/** Reads, writes and zeroes of any bytes do to a device what they do to an array. */
class OracleTest {
  private static final int ROUNDS = 3000;
  private static final int PUNCH = 3;
  private static final int ZERO_RANGE = 0x10;

  @ParameterizedTest(name = "blocks of {0}, size {1}, seed {2}")
  @CsvSource({
    "1, 100001, 1",
    "1, 262144, 2",
    "512, 100352, 3",
    "512, 262144, 4",
    "4096, 102400, 5",
    "4096, 262144, 6",
    "65536, 262144, 7"
  })
  void anyBytes(int blockBytes, int sizeBytes, long seed) {
    compare(new MemoryDevice(sizeBytes, blockBytes, false), seed);
  }

  private static void compare(MemoryDevice device, long seed) {
    Random random = new Random(seed);
    Answers answers = new Answers(device, DeviceRole.LIVE, false);
    long handle = answers.open(2);
    byte[] expected = new byte[device.bytes.length];
    for (int round = 0; round < ROUNDS; round++) {
      int at = random.nextInt(expected.length + 100);
      int length = 1 + random.nextInt(1 << random.nextInt(18));
      int inside = Math.max(0, Math.min(length, expected.length - at));
      String what = "seed " + seed + ", round " + round + ", " + length + " bytes at " + at;
      switch (random.nextInt(4)) {
        case 0 -> {
          byte[] data = new byte[length];
          random.nextBytes(data);
          Answers.Answer answer = answers.ask(Kernel.write(handle, at, data, 0));
          assertEquals(inside == 0 ? -28 : 0, answer.error(), what);
          if (inside > 0) {
            assertEquals(inside, answer.body().getInt(), what);
            System.arraycopy(data, 0, expected, at, inside);
          }
        }
        case 1 -> {
          int mode = random.nextBoolean() ? PUNCH : ZERO_RANGE | 1;
          answers.get(Kernel.fallocate(handle, at, length, mode));
          int from = Math.min(at, expected.length);
          Arrays.fill(expected, from, from + inside, (byte) 0);
        }
        default -> {
          byte[] read = answers.ask(Kernel.read(handle, at, length)).bytes();
          byte[] wanted = inside == 0 ? new byte[0] : Arrays.copyOfRange(expected, at, at + inside);
          assertEquals(-1, Arrays.mismatch(wanted, read), what);
        }
      }
    }
    assertEquals(-1, Arrays.mismatch(expected, device.bytes), "seed " + seed + ", at the end");
  }

  /** A device that does something else than it was told. */
  private abstract static class Bent extends MemoryDevice {
    private boolean bending;

    Bent() {
      super(262144, 512, false);
    }

    abstract boolean bend(Bio bio) throws ErrnoException;

    @Override
    public void submit(Bio bio) throws ErrnoException {
      if (!bending) {
        bending = true;
        try {
          if (bend(bio)) {
            return;
          }
        } finally {
          bending = false;
        }
      }
      super.submit(bio);
    }
  }

  private static void assertFound(MemoryDevice bent) {
    assertThrows(AssertionFailedError.class, () -> compare(bent, 8));
  }

  /** The comparison would be worth nothing if it did not see these. */
  @Test
  void theComparisonFindsDevicesThatAreWrong() {
    assertFound(
        new Bent() {
          @Override
          boolean bend(Bio bio) {
            // The last block of a write is lost.
            if (bio.op() == BioOp.WRITE && bio.lengthBytes() > 512) {
              bio.data().limit(bio.data().limit() - 512);
              byte[] data = new byte[bio.data().remaining()];
              bio.data().get(data);
              poke((int) bio.offsetBytes(), data, data.length);
              bio.data().limit(bio.data().position() + 512).position(bio.data().limit());
              return true;
            }
            return false;
          }
        });
    assertFound(
        new Bent() {
          @Override
          boolean bend(Bio bio) {
            // Zeroes are forgotten.
            return bio.op() == BioOp.WRITE_ZEROES;
          }
        });
    assertFound(
        new Bent() {
          @Override
          boolean bend(Bio bio) {
            // Blocks that are read to be changed in part come as zeroes.
            if (bio.op() == BioOp.READ && bio.lengthBytes() == 512) {
              bio.data().put(new byte[512]);
              return true;
            }
            return false;
          }
        });
  }
}
