package io.sluice.tck;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/**
 * Checks a block device against the rules BLK-n. Extend it in a test, and say how to make a device;
 * override the other methods for what your device can do beyond, so that more rules are checked.
 */
@Untested(
    rule = "BLK-1",
    reason =
        "in whose thread a device works can't be seen from outside; that the bio is complete when"
            + " submit returns is checked by BLK-2, BLK-3 and BLK-4")
public abstract class BlockDeviceTck extends RuleSuite {
  private static final int THREAD_COUNT = 4;
  private static final int STEP_COUNT = 300;

  private final List<BlockDevice> opened = new ArrayList<>();
  private TestedDevice tested;

  /**
   * Makes the device to test: one that can be written, of 64 KiB to 16 MiB, at least 32 blocks
   * long. What it holds does not matter, and it is overwritten. Called once for each test.
   */
  protected abstract BlockDevice openDevice() throws Exception;

  /** Lets a device go. Called once for each device that was made; closes it if it can be closed. */
  protected void closeDevice(BlockDevice device) throws Exception {
    if (device instanceof AutoCloseable closeable) {
      closeable.close();
    }
  }

  /** Makes a device that is read-only, if there are such ones. */
  protected Optional<BlockDevice> openReadOnlyDevice() throws Exception {
    return Optional.empty();
  }

  /**
   * Loses all that the device has not made durable, as when the power fails, and opens it again. A
   * device on real storage can't do that.
   */
  protected Optional<BlockDevice> reopenAfterCrash(BlockDevice device) throws Exception {
    return Optional.empty();
  }

  /**
   * Removes the device from under its users.
   *
   * @return whether it is removed; false if this can't be done here
   */
  protected boolean remove(BlockDevice device) throws Exception {
    return false;
  }

  @BeforeEach
  final void openTested() throws Exception {
    tested = new TestedDevice(opened(openDevice()));
  }

  @AfterEach
  final void closeAll() throws Exception {
    for (BlockDevice device : opened) {
      closeDevice(device);
    }
  }

  private BlockDevice opened(BlockDevice device) {
    opened.add(device);
    return device;
  }

  final TestedDevice tested() {
    return tested;
  }

  private Set<BioOp> servedWithRange() {
    Set<BioOp> ops = EnumSet.copyOf(tested.geometry.ops());
    ops.remove(BioOp.FLUSH);
    return ops;
  }

  private byte[] random(int lengthBytes) {
    return TestedDevice.bytes(random(), lengthBytes);
  }

  @Rule("BLK-2")
  void blk2_theBufferIsTheCallersAfterTheReturn() throws Exception {
    int length = 4 * tested.unitBytes;
    byte[] content = random(length);
    byte[] garbage = random(length);
    ByteBuffer write = ByteBuffer.allocateDirect(length).put(content).flip();
    tested.device.submit(new Bio().write(0, write, 0));
    write.clear().put(garbage);
    tested.write(2L * length, random(length));
    tested.flush();
    Expect.bytes("written before its buffer was reused", 0, content, tested.read(0, length));

    byte[] mine = new byte[length];
    tested.device.submit(new Bio().read(0, ByteBuffer.wrap(mine)));
    System.arraycopy(garbage, 0, mine, 0, length);
    tested.read(2L * length, length);
    tested.write(0, random(length));
    tested.flush();
    Expect.bytes("buffer of a read that is over", 0, garbage, mine);
  }

  @Rule("BLK-3")
  void blk3_completedReadFillsTheBuffer() throws Exception {
    byte[] content = random(tested.sizeBytes);
    tested.write(0, content);
    int unit = tested.unitBytes;
    int[] lengths = {tested.blockSizeBytes, unit, 2 * unit, 8 * unit, tested.sizeBytes};
    for (int length : lengths) {
      for (int offset : new int[] {0, unit, tested.sizeBytes - length}) {
        if (offset + length <= tested.sizeBytes) {
          checkRead(ByteBuffer.allocate(length), offset, content);
          checkRead(ByteBuffer.allocateDirect(length), offset, content);
          checkRead(middle(ByteBuffer.allocate(length + 200)), offset, content);
          checkRead(middle(ByteBuffer.allocateDirect(length + 200)), offset, content);
          checkRead(middle(ByteBuffer.allocate(length + 200)).slice(), offset, content);
        }
      }
    }
  }

  private static ByteBuffer middle(ByteBuffer buffer) {
    return buffer.position(100).limit(buffer.capacity() - 100);
  }

  private void checkRead(ByteBuffer data, int offset, byte[] content) throws ErrnoException {
    int position = data.position();
    int limit = data.limit();
    int length = limit - position;
    Bio bio = new Bio().read(offset, data);
    tested.device.submit(bio);
    Expect.same("limit after " + bio, limit, data.limit());
    Expect.same("position after " + bio, limit, data.position());
    ByteBuffer all = data.duplicate().clear();
    byte[] before = new byte[position];
    byte[] actual = new byte[length];
    byte[] after = new byte[data.capacity() - limit];
    all.get(before).get(actual).get(after);
    byte[] wanted = Arrays.copyOfRange(content, offset, offset + length);
    Expect.bytes("what " + bio + " read", offset, wanted, actual);
    Expect.bytes("buffer before its position", 0, new byte[before.length], before);
    Expect.bytes("buffer behind its limit", 0, new byte[after.length], after);
  }

  @Rule("BLK-4")
  void blk4_completedWritesAreSeen() throws Exception {
    new DeviceModel(tested, random(), 0, tested.sizeBytes).run(STEP_COUNT);
    int unit = tested.unitBytes;
    for (int offset : new int[] {0, unit, tested.sizeBytes - unit}) {
      byte[] content = random(unit);
      tested.write(offset, content);
      Expect.bytes("written at " + offset, offset, content, tested.read(offset, unit));
    }
  }

  @Rule("BLK-5")
  void blk5_flushMakesDurableWhatAnyThreadWrote() throws Exception {
    notApplicableUnless(tested.serves(BioOp.FLUSH), "the device serves no FLUSH");
    int length = 2 * tested.unitBytes;
    byte[][] contents = new byte[THREAD_COUNT][];
    for (int i = 0; i < THREAD_COUNT; i++) {
      contents[i] = random(length);
    }
    Crew.run(THREAD_COUNT, i -> tested.write((long) i * length, contents[i]));
    tested.flush();
    TestedDevice again = afterCrash();
    for (int i = 0; i < THREAD_COUNT; i++) {
      long offset = (long) i * length;
      Expect.bytes("flushed before a crash", offset, contents[i], again.read(offset, length));
    }
  }

  @Rule("BLK-6")
  void blk6_fuaIsDurableWhenItCompletes() throws Exception {
    int length = 2 * tested.unitBytes;
    byte[] content = random(length);
    tested.write(0, random(4 * length));
    tested.flush();
    tested.write(length, content, Bio.FUA);
    boolean zeroes = tested.serves(BioOp.WRITE_ZEROES);
    if (zeroes) {
      tested.zero(3L * length, length, Bio.FUA);
    }
    TestedDevice again = afterCrash();
    Expect.bytes("FUA write before a crash", length, content, again.read(length, length));
    if (zeroes) {
      byte[] actual = again.read(3L * length, length);
      Expect.bytes("FUA zeroes before a crash", 3L * length, new byte[length], actual);
    }
  }

  private TestedDevice afterCrash() throws Exception {
    Optional<BlockDevice> again = reopenAfterCrash(tested.device);
    notApplicableUnless(again.isPresent(), "the device can't be crashed (reopenAfterCrash)");
    return new TestedDevice(opened(again.get()));
  }

  @Rule("BLK-7")
  void blk7_unalignedIsRefusedAndTouchesNothing() throws Exception {
    int block = tested.blockSizeBytes;
    notApplicableUnless(block > 1, "the block size is 1");
    byte[] content = random(4 * block);
    tested.write(0, content);
    for (BioOp op : servedWithRange()) {
      Bio[] wrong = {
        TestedDevice.bio(op, 1, block),
        TestedDevice.bio(op, block / 2, block),
        TestedDevice.bio(op, block, block + 1),
        TestedDevice.bio(op, block, block / 2),
      };
      for (Bio bio : wrong) {
        Expect.refused(bio + ", blocks of " + block, Errno.EINVAL, () -> tested.device.submit(bio));
      }
    }
    Expect.bytes("content after refusals", 0, content, tested.read(0, content.length));
  }

  @Rule("BLK-8")
  void blk8_pastTheEndIsRefused() throws Exception {
    int unit = tested.unitBytes;
    long end = tested.sizeBytes;
    long far = Long.MAX_VALUE / unit * unit;
    for (BioOp op : servedWithRange()) {
      boolean stores = op == BioOp.WRITE || op == BioOp.WRITE_ZEROES;
      Errno errno = stores ? Errno.ENOSPC : Errno.EINVAL;
      List<Bio> wrong = new ArrayList<>();
      wrong.add(TestedDevice.bio(op, end, unit));
      wrong.add(TestedDevice.bio(op, end - unit, 2L * unit));
      wrong.add(TestedDevice.bio(op, far, unit));
      if (!op.carriesData()) {
        wrong.add(TestedDevice.bio(op, unit, far));
      }
      for (Bio bio : wrong) {
        Expect.refused(bio + ", device of " + end, errno, () -> tested.device.submit(bio));
      }
    }
  }

  @Rule("BLK-9")
  void blk9_lengthZeroCompletesAndTouchesNothing() throws Exception {
    byte[] content = random(tested.sizeBytes);
    tested.write(0, content);
    for (BioOp op : servedWithRange()) {
      for (long offset : new long[] {0, tested.unitBytes, tested.sizeBytes}) {
        tested.device.submit(TestedDevice.bio(op, offset, 0));
      }
    }
    byte[] actual = tested.read(0, tested.sizeBytes);
    Expect.bytes("content after bios of length 0", 0, content, actual);
  }

  @Rule("BLK-10")
  void blk10_readOnlyDeviceRefusesChanges() throws Exception {
    Optional<BlockDevice> made = openReadOnlyDevice();
    notApplicableUnless(made.isPresent(), "there is no read-only device (openReadOnlyDevice)");
    TestedDevice readOnly = new TestedDevice(opened(made.get()));
    Expect.same("readOnly of its geometry", true, readOnly.geometry.readOnly());
    byte[] before = readOnly.read(0, readOnly.sizeBytes);
    for (BioOp op : BioOp.values()) {
      if (op.modifiesData() && readOnly.serves(op)) {
        Bio bio = TestedDevice.bio(op, 0, readOnly.unitBytes);
        Expect.refused(bio + ", read-only", Errno.EPERM, () -> readOnly.device.submit(bio));
      }
    }
    Expect.bytes("content after refusals", 0, before, readOnly.read(0, readOnly.sizeBytes));
  }

  @Rule("BLK-11")
  void blk11_operationThatIsNotServedIsRefused() throws Exception {
    Set<BioOp> others = EnumSet.complementOf(EnumSet.copyOf(tested.geometry.ops()));
    notApplicableUnless(!others.isEmpty(), "the device serves every operation");
    for (BioOp op : others) {
      Bio bio = TestedDevice.bio(op, 0, tested.unitBytes);
      String what = bio + ", device serves " + tested.geometry.ops();
      Expect.refused(what, Errno.ENOTSUP, () -> tested.device.submit(bio));
    }
  }

  @Rule("BLK-12")
  void blk12_writeZeroesReadAsZeroes() throws Exception {
    notApplicableUnless(tested.serves(BioOp.WRITE_ZEROES), "the device serves no WRITE_ZEROES");
    int unit = tested.unitBytes;
    for (int flags : new int[] {0, Bio.NO_UNMAP, Bio.FAST_ONLY, Bio.FUA}) {
      for (int units : new int[] {1, 2, 9}) {
        byte[] expected = random((units + 2) * unit);
        tested.write(0, expected);
        boolean zeroed = tryToZero(unit, (long) units * unit, flags);
        if (zeroed) {
          Arrays.fill(expected, unit, (units + 1) * unit, (byte) 0);
        }
        Expect.bytes(
            (zeroed ? "zeroed " : "refused ") + units + " units with flags " + flags,
            0,
            expected,
            tested.read(0, expected.length));
      }
    }
  }

  private boolean tryToZero(long offset, long length, int flags) throws ErrnoException {
    try {
      tested.zero(offset, length, flags);
      return true;
    } catch (ErrnoException e) {
      if (flags == Bio.FAST_ONLY && e.errno() == Errno.ENOTSUP) {
        return false;
      }
      throw e;
    }
  }

  @Rule("BLK-13")
  void blk13_discardTouchesNothingElse() throws Exception {
    notApplicableUnless(tested.serves(BioOp.DISCARD), "the device serves no DISCARD");
    int unit = tested.unitBytes;
    for (int units : new int[] {1, 5, 20}) {
      byte[] content = random((units + 2) * unit);
      tested.write(0, content);
      tested.device.submit(new Bio().discard(unit, (long) units * unit, 0));
      byte[] head = Arrays.copyOfRange(content, 0, unit);
      byte[] tail = Arrays.copyOfRange(content, content.length - unit, content.length);
      Expect.bytes("before the discard's range", 0, head, tested.read(0, unit));
      long behind = (long) content.length - unit;
      Expect.bytes("behind the discard's range", behind, tail, tested.read(behind, unit));
    }
  }

  @Rule("BLK-14")
  void blk14_statusNeverSaysZeroOfWhatIsNot() throws Exception {
    int unit = tested.unitBytes;
    checkStatus(0, Long.MAX_VALUE, tested.read(0, tested.sizeBytes));
    byte[] sparse = new byte[tested.sizeBytes];
    for (int at = 0; at < sparse.length; at += unit) {
      if (random().nextInt(3) == 0) {
        // One byte, somewhere: what looks at the first of a block only does not see it.
        sparse[at + 1 + random().nextInt(unit - 1)] = 1;
      }
    }
    tested.write(0, sparse);
    if (tested.serves(BioOp.WRITE_ZEROES)) {
      tested.zero(4L * unit, 4L * unit, 0);
      Arrays.fill(sparse, 4 * unit, 8 * unit, (byte) 0);
    }
    checkStatus(0, Long.MAX_VALUE, sparse);
    checkStatus(0, 1, sparse);
    for (int i = 0; i < 50; i++) {
      int from = random().nextInt(tested.sizeBytes / unit) * unit;
      checkStatus(from, 1 + random().nextInt(tested.sizeBytes), sparse);
    }
    int[] calls = {0};
    tested.device.status(0, tested.sizeBytes, (length, state) -> ++calls[0] < 1);
    Expect.same("extents told to a visitor that wants no more", 1, calls[0]);
    for (long[] range : new long[][] {{tested.sizeBytes, 1}, {0, 0}, {-unit, unit}}) {
      Expect.refused(
          "block status of " + range[0] + "+" + range[1],
          Errno.EINVAL,
          () -> tested.device.status(range[0], range[1], (length, state) -> true));
    }
  }

  private void checkStatus(int from, long length, byte[] content) throws ErrnoException {
    String what = "block status of " + from + "+" + length;
    long end = from + Math.min(length, tested.sizeBytes - from);
    long[] at = {from};
    tested.device.status(
        from,
        length,
        (extentBytes, state) -> {
          Expect.that(extentBytes >= 1, what + ", extent's length", "1 or more", extentBytes);
          Expect.that(at[0] + extentBytes <= end, what + " ends", end, at[0] + extentBytes);
          if ((state & ExtentVisitor.ZERO) != 0) {
            int start = (int) at[0];
            byte[] actual = Arrays.copyOfRange(content, start, (int) (start + extentBytes));
            Expect.bytes(what + " said ZERO", start, new byte[actual.length], actual);
          }
          at[0] += extentBytes;
          return true;
        });
    Expect.that(at[0] > from, what, "one extent at least", "none");
  }

  @Rule("BLK-15")
  void blk15_whatIsNoRequestIsAnErrnoException() throws Exception {
    long unit = tested.unitBytes;
    for (BioOp op : servedWithRange()) {
      List<Bio> wrong = new ArrayList<>();
      wrong.add(TestedDevice.bio(op, -unit, unit));
      wrong.add(TestedDevice.bio(op, Long.MIN_VALUE, unit));
      if (!op.carriesData()) {
        wrong.add(TestedDevice.bio(op, unit, -unit));
      }
      for (Bio bio : wrong) {
        Set<Errno> any = EnumSet.of(Errno.EINVAL, Errno.ENOSPC);
        Expect.refused(bio.toString(), any, () -> tested.device.submit(bio));
      }
    }
  }

  @Rule("BLK-16")
  void blk16_overlappingWritesAreWholeInEachSector() throws Exception {
    int sectors = 8;
    int length = sectors * tested.unitBytes;
    for (int round = 0; round < 20; round++) {
      Crew.run(
          THREAD_COUNT,
          i -> {
            byte[] content = new byte[length];
            Arrays.fill(content, (byte) (i + 1));
            tested.write(0, content);
          });
      byte[] actual = tested.read(0, length);
      for (int from = 0; from < length; from += tested.unitBytes) {
        byte[] sector = Arrays.copyOfRange(actual, from, from + tested.unitBytes);
        byte[] whole = new byte[sector.length];
        Arrays.fill(whole, sector[0]);
        Expect.bytes("sector that several wrote at once", from, whole, sector);
      }
    }
  }

  @Rule("BLK-17")
  void blk17_manyThreadsAtTheSameTime() throws Exception {
    int units = tested.sizeBytes / tested.unitBytes - 1;
    int share = units / THREAD_COUNT * tested.unitBytes;
    long[] seeds = random().longs(THREAD_COUNT).toArray();
    Crew.run(
        THREAD_COUNT,
        i -> new DeviceModel(tested, new Random(seeds[i]), i * share, share).run(STEP_COUNT / 2));
  }

  @Rule("BLK-18")
  void blk18_removedDeviceAnswersEshutdown() throws Exception {
    notApplicableUnless(remove(tested.device), "the device can't be removed (remove)");
    for (BioOp op : tested.geometry.ops()) {
      Bio bio = TestedDevice.bio(op, 0, op == BioOp.FLUSH ? 0 : tested.unitBytes);
      Expect.refused(bio + " after removal", Errno.ESHUTDOWN, () -> tested.device.submit(bio));
    }
  }

  @Rule("BLK-19")
  void blk19_interruptedThreadCompletesAndKeepsItsFlag() throws Exception {
    byte[] content = random(2 * tested.unitBytes);
    byte[][] actual = new byte[1][];
    boolean[] kept = new boolean[3];
    try {
      Thread.currentThread().interrupt();
      tested.write(0, content);
      kept[0] = Thread.currentThread().isInterrupted();
      Thread.currentThread().interrupt();
      actual[0] = tested.read(0, content.length);
      kept[1] = Thread.currentThread().isInterrupted();
      Thread.currentThread().interrupt();
      tested.flush();
      kept[2] = Thread.currentThread().isInterrupted();
    } finally {
      Thread.interrupted();
    }
    Expect.bytes("written and read while interrupted", 0, content, actual[0]);
    Expect.same("interrupt flag after WRITE", true, kept[0]);
    Expect.same("interrupt flag after READ", true, kept[1]);
    Expect.same("interrupt flag after FLUSH", true, kept[2]);
    Expect.bytes("read after that", 0, content, tested.read(0, content.length));
  }
}
