package io.sluice.fault;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import io.sluice.filter.Filter;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class FaultFilterTest {
  private static final int SIZE = 1 << 20;
  private final MemoryDisk disk = new MemoryDisk(SIZE);
  private Filter filter = attach(Map.of());

  private static Filter attach(Map<String, String> options) {
    try {
      return new FaultOperations().attach(null, options);
    } catch (ErrnoException e) {
      throw new AssertionError(e);
    }
  }

  private Map<String, Object> ctl(String line) throws ErrnoException {
    List<String> words = List.of(line.split(" "));
    return filter.ctl(words.get(0), words.subList(1, words.size()));
  }

  private ByteBuffer read(long offsetBytes, int lengthBytes) throws ErrnoException {
    ByteBuffer data = ByteBuffer.allocate(lengthBytes);
    filter.submit(new Bio().read(offsetBytes, data), disk);
    assertEquals(data.limit(), data.position(), "of a completed read");
    return data;
  }

  private void write(long offsetBytes, byte[] content) throws ErrnoException {
    byte[] before = content.clone();
    ByteBuffer data = ByteBuffer.wrap(content);
    try {
      filter.submit(new Bio().write(offsetBytes, data, Bio.FUA), disk);
      assertEquals(data.limit(), data.position(), "of a completed write");
    } finally {
      assertArrayEquals(before, content, "the caller's bytes");
      assertEquals(content.length, data.limit());
    }
  }

  private static byte[] filled(int lengthBytes) {
    byte[] content = new byte[lengthBytes];
    Arrays.fill(content, (byte) 0x5a);
    return content;
  }

  private Errno errnoOf(ThrowingRead action) {
    return assertThrows(ErrnoException.class, action::run).errno();
  }

  private interface ThrowingRead {
    void run() throws ErrnoException;
  }

  /** The submissions, by number from 0, that a rule of one read each hits. */
  private BitSet errorsOf(int count) {
    BitSet errors = new BitSet();
    for (int i = 0; i < count; i++) {
      try {
        read(0, 512);
      } catch (ErrnoException e) {
        errors.set(i);
      }
    }
    return errors;
  }

  @Test
  void withoutRulesBiosPassAsTheyAre() throws ErrnoException {
    write(512, filled(512));
    assertArrayEquals(filled(512), read(512, 512).array());
    assertEquals(List.of("WRITE 512+512 flags 1", "READ 512+512"), disk.bios);
  }

  @Test
  void anErrorKeepsTheBioFromTheDisk() throws ErrnoException {
    ctl("add error op=write errno=ENOSPC");
    ErrnoException error = assertThrows(ErrnoException.class, () -> write(0, filled(512)));
    assertEquals(Errno.ENOSPC, error.errno());
    assertTrue(error.getMessage().contains("fault rule error op=write"), error.getMessage());
    assertEquals(List.of(), disk.bios);
    read(0, 512);
  }

  @Test
  void skipThenCountThenUsedUp() throws ErrnoException {
    ctl("add error op=read skip=2 count=3");
    BitSet expected = new BitSet();
    expected.set(2, 5);
    assertEquals(expected, errorsOf(20));
    assertTrue(ctl("list").toString().contains("hit=3, waiting=0, state=used up"));
  }

  @Test
  void aRangeIsHitByWhatTouchesIt() throws ErrnoException {
    ctl("add error op=all range=4K+512");
    read(0, 4096);
    read(4608, 512);
    filter.submit(new Bio().flush(), disk);
    assertEquals(Errno.EIO, errnoOf(() -> read(4096, 1)));
    assertEquals(Errno.EIO, errnoOf(() -> read(4607, 512)));
    assertEquals(Errno.EIO, errnoOf(() -> read(0, 4097)));
    assertEquals(Errno.EIO, errnoOf(() -> filter.submit(new Bio().writeZeroes(0, SIZE, 0), disk)));
  }

  @Test
  void chanceFollowsTheSeedAlone() throws ErrnoException {
    ctl("seed 7");
    ctl("add error op=read probability=0.25");
    BitSet first = errorsOf(4000);
    int hits = first.cardinality();
    assertTrue(hits > 850 && hits < 1150, hits + " hits of 4000 at 0.25");
    ctl("seed 7");
    assertEquals(first, errorsOf(4000));
    ctl("seed 8");
    assertNotEquals(first, errorsOf(4000));
  }

  @Test
  void readsAreCorruptedInTheRulesRangeAlone() throws ErrnoException {
    ctl("add corrupt flips=5 range=1000+100");
    BitSet flipped = BitSet.valueOf(read(0, 4096).array());
    assertEquals(5, flipped.cardinality());
    assertTrue(flipped.nextSetBit(0) >= 8000 && flipped.length() <= 8800, flipped.toString());
    assertEquals(0, BitSet.valueOf(disk.bytes).cardinality(), "bits changed on the disk");
  }

  @Test
  void moreFlipsThanBitsFlipEachBitOnce() throws ErrnoException {
    ctl("add corrupt flips=100 range=7+1");
    assertArrayEquals(new byte[] {0, 0, 0, 0, 0, 0, 0, (byte) 0xff, 0, 0}, read(0, 10).array());
  }

  @Test
  void aCorruptedWriteChangesACopy() throws ErrnoException {
    byte[] content = new byte[700_001];
    new Random(3).nextBytes(content);
    ctl("add corrupt op=write flips=9");
    write(1, content);
    byte[] stored = Arrays.copyOfRange(disk.bytes, 1, 1 + content.length);
    BitSet difference = BitSet.valueOf(content);
    difference.xor(BitSet.valueOf(stored));
    assertEquals(9, difference.cardinality());
    assertTrue(disk.bios.stream().allMatch(bio -> bio.endsWith("flags 1")), disk.bios.toString());
    ctl("seed 0");
    write(1, content);
    assertArrayEquals(stored, Arrays.copyOfRange(disk.bytes, 1, 1 + content.length), "again");
  }

  @Test
  void aTornWriteStoresWholeSectorsOfItsHead() throws ErrnoException {
    ctl("add torn errno=EIO");
    BitSet lengths = new BitSet();
    for (int i = 0; i < 100; i++) {
      Arrays.fill(disk.bytes, (byte) 0);
      assertEquals(Errno.EIO, errnoOf(() -> write(512, filled(4096))));
      int stored = 0;
      while (disk.bytes[512 + stored] != 0) {
        stored++;
      }
      assertEquals(0, stored % 512);
      byte[] expected = new byte[SIZE];
      Arrays.fill(expected, 512, 512 + stored, (byte) 0x5a);
      assertArrayEquals(expected, disk.bytes);
      lengths.set(stored / 512);
    }
    BitSet all = new BitSet();
    all.set(0, 8);
    assertEquals(all, lengths, "sectors stored of 8");
  }

  @Test
  void aTornWriteZeroesIsTornToo() throws ErrnoException {
    Arrays.fill(disk.bytes, (byte) 1);
    ctl("add torn op=write_zeroes");
    for (int i = 0; i < 10; i++) {
      assertEquals(
          Errno.EIO, errnoOf(() -> filter.submit(new Bio().writeZeroes(0, 4096, 0), disk)));
    }
    assertEquals(1, disk.bytes[3584], "the last sector");
    assertEquals(0, disk.bytes[0], "the first sector, after ten times");
  }

  @Test
  void whatIsDroppedIsAcknowledgedAndLost() throws ErrnoException {
    ctl("add drop op=write,flush,discard");
    write(0, filled(512));
    filter.submit(new Bio().flush(), disk);
    filter.submit(new Bio().discard(0, 512, 0), disk);
    assertEquals(List.of(), disk.bios);
    assertArrayEquals(new byte[512], read(0, 512).array());
  }

  @Test
  void rulesAreTriedInOrder() throws ErrnoException {
    ctl("add error errno=EAGAIN id=9");
    ctl("add error errno=ENOSPC id=3 count=1");
    ctl("add delay delay=1us id=1");
    assertEquals(Errno.ENOSPC, errnoOf(() -> read(0, 512)));
    assertEquals(Errno.EAGAIN, errnoOf(() -> read(0, 512)));
    ctl("remove 9");
    read(0, 512);
    assertEquals(Errno.ENOENT, errnoOf(() -> ctl("remove 9")));
    assertEquals(Errno.EEXIST, errnoOf(() -> ctl("add error id=3")));
    assertEquals(Map.of("removed", 2), ctl("clear"));
  }

  @Test
  void statusDoesNotHideCorruptedZeroes() throws ErrnoException {
    ctl("add corrupt range=8192+512 count=1");
    assertEquals(ExtentVisitor.ZERO, stateOf(0, 8192));
    assertEquals(ExtentVisitor.DATA, stateOf(0, 8193));
    read(8192, 512);
    assertEquals(ExtentVisitor.ZERO, stateOf(0, 8193), "once the rule is used up");
  }

  private int stateOf(long offsetBytes, long lengthBytes) throws ErrnoException {
    List<Integer> states = new ArrayList<>();
    filter.status(offsetBytes, lengthBytes, (length, state) -> states.add(state), disk);
    assertEquals(1, states.size());
    return states.get(0);
  }

  @Test
  void anEqualFilterGoesOnWithWhatIsLeft() throws ErrnoException {
    filter = attach(Map.of("seed", "5", "rules", "error op=read skip=2 count=2; drop id=7"));
    assertEquals(1, errorsOf(3).cardinality());
    Map<String, String> options = filter.options(Map.of());
    assertEquals(
        Map.of("seed", "5", "rules", "error op=read count=1 errno=EIO id=1; drop op=write id=7"),
        options);
    filter = attach(options);
    assertEquals(options, filter.options(Map.of()));
    assertEquals(1, errorsOf(3).cardinality());
    assertEquals("drop op=write id=7", filter.options(Map.of()).get("rules"));
  }

  @Test
  void rulesHaveALimit() throws ErrnoException {
    for (int i = 0; i < FaultFilter.RULE_COUNT_MAX; i++) {
      ctl("add drop");
    }
    assertEquals(Errno.ENOSPC, errnoOf(() -> ctl("add drop")));
  }

  @Test
  void commandsThatAreNoneAreRefused() {
    assertEquals(Errno.ENOTTY, errnoOf(() -> ctl("explode")));
    assertEquals(Errno.EINVAL, errnoOf(() -> ctl("list all")));
  }
}
