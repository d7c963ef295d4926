package io.sluice.tck;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.StorageIdentity;
import io.sluice.diffstore.DiffStore;
import io.sluice.diffstore.DiffStoreProvider;
import io.sluice.swap.HandOver;
import java.nio.ByteBuffer;
import java.nio.channels.Channel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.BitSet;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/**
 * Checks difference stores against the rules DST-n. Extend it in a test, and say whose stores, of
 * which kind and where.
 */
@Untested(
    rule = "DST-9",
    reason = "says what a store need not do; there is no call by which it could")
@Untested(
    rule = "DST-13",
    reason = "no kit can make a storage fail that writes are on their way to")
public abstract class DiffStoreTck extends RuleSuite {
  private static final int SIZE_BYTES = 1 << 20;
  private static final int UNIT_BYTES = 4096;
  private static final int UNIT_COUNT = SIZE_BYTES / UNIT_BYTES;
  private static final int STEP_COUNT = 200;
  private static final int THREAD_COUNT = 4;

  private DiffStoreProvider provider;
  private DiffStore store;

  /** Who opens the stores. Called once for each test. */
  protected abstract DiffStoreProvider provider() throws Exception;

  /** The kind to test, one of the provider's. */
  protected abstract String kind();

  /** What comes after the kind's colon; room for 4 MiB at least. The same for the whole test. */
  protected abstract String argument() throws Exception;

  /**
   * Whether the argument names one storage, such as a file, that a second store can't have; false
   * if each store gets one of its own.
   */
  protected abstract boolean namesOneStorage();

  /** The file of a store that is open, if it has one that others can see. */
  protected Optional<Path> file() throws Exception {
    return Optional.empty();
  }

  /** What the store can't grow to: more than there is room for. */
  protected long tooManyBytes() throws Exception {
    return 1L << 60;
  }

  @BeforeEach
  final void openStore() throws Exception {
    provider = provider();
    store = open();
  }

  @AfterEach
  final void closeStore() throws Exception {
    if (store != null) {
      store.close();
    }
  }

  private DiffStore open() throws Exception {
    Expect.that(provider.kinds().contains(kind()), "kinds()", kind(), provider.kinds());
    return provider.open(kind(), argument());
  }

  private void grown() throws ErrnoException {
    if (store.capacityBytes() < SIZE_BYTES) {
      store.grow(SIZE_BYTES);
    }
  }

  /** A capacity that is larger by so much, or as much as the storage has: a device has an end. */
  private long largerBy(long moreBytes) {
    long roomBytes = store.capacityMaxBytes() - store.capacityBytes();
    return store.capacityBytes() + Math.min(moreBytes, roomBytes);
  }

  private byte[] random(int lengthBytes) {
    return TestedDevice.bytes(random(), lengthBytes);
  }

  private void write(long offset, byte[] bytes) throws ErrnoException {
    store.write(offset, ByteBuffer.wrap(bytes.clone()));
  }

  private byte[] read(long offset, int length) throws ErrnoException {
    byte[] bytes = new byte[length];
    store.read(offset, ByteBuffer.wrap(bytes));
    return bytes;
  }

  @Rule("DST-1")
  void dst1_readsBackWhatWasWritten() throws Exception {
    grown();
    byte[] expected = new byte[SIZE_BYTES];
    BitSet written = new BitSet(UNIT_COUNT);
    for (int step = 0; step < STEP_COUNT; step++) {
      int units = 1 + random().nextInt(16);
      int from = random().nextInt(UNIT_COUNT - units + 1);
      int offset = from * UNIT_BYTES;
      switch (random().nextInt(4)) {
        case 0 -> {
          store.release(offset, (long) units * UNIT_BYTES);
          written.clear(from, from + units);
        }
        case 1 -> checkWritten(expected, written, from, from + units);
        default -> {
          byte[] content = random(units * UNIT_BYTES);
          write(offset, content);
          System.arraycopy(content, 0, expected, offset, content.length);
          written.set(from, from + units);
        }
      }
    }
    store.grow(largerBy(SIZE_BYTES));
    checkWritten(expected, written, 0, UNIT_COUNT);
  }

  private void checkWritten(byte[] expected, BitSet written, int from, int to)
      throws ErrnoException {
    for (int start = written.nextSetBit(from);
        start >= 0 && start < to;
        start = written.nextSetBit(start)) {
      int end = Math.min(to, written.nextClearBit(start));
      int offset = start * UNIT_BYTES;
      byte[] wanted = Arrays.copyOfRange(expected, offset, end * UNIT_BYTES);
      Expect.bytes("store's content", offset, wanted, read(offset, wanted.length));
      start = end;
      if (start >= to) {
        return;
      }
    }
  }

  @Rule("DST-2")
  void dst2_isNeverShort() throws Exception {
    grown();
    for (int length : new int[] {512, UNIT_BYTES, 5 * UNIT_BYTES + 512, SIZE_BYTES}) {
      byte[] content = random(length);
      ByteBuffer write = ByteBuffer.allocateDirect(length + 64).position(32).limit(32 + length);
      write.duplicate().put(content);
      store.write(0, write);
      Expect.same("position after a write of " + length, 32 + length, write.position());
      ByteBuffer read = ByteBuffer.allocate(length + 64).position(32).limit(32 + length);
      store.read(0, read);
      Expect.same("position after a read of " + length, 32 + length, read.position());
      byte[] actual = Arrays.copyOfRange(read.array(), 32, 32 + length);
      Expect.bytes("read of " + length, 0, content, actual);
    }
    long end = store.capacityBytes();
    for (long offset : new long[] {end, end - 512, -UNIT_BYTES, Long.MAX_VALUE - 512}) {
      ByteBuffer data = ByteBuffer.allocate(UNIT_BYTES);
      String what = " of " + UNIT_BYTES + " at " + offset + ", capacity " + end;
      Set<Errno> any = EnumSet.allOf(Errno.class);
      Expect.refused("write" + what, any, () -> store.write(offset, data.duplicate()));
      Expect.refused("read" + what, any, () -> store.read(offset, data.duplicate()));
    }
  }

  @Rule("DST-3")
  void dst3_manyThreadsAtTheSameTime() throws Exception {
    grown();
    int share = SIZE_BYTES / THREAD_COUNT;
    long[] seeds = random().longs(THREAD_COUNT).toArray();
    Crew.run(
        THREAD_COUNT,
        i -> {
          Random random = new Random(seeds[i]);
          long start = (long) i * share;
          byte[] expected = TestedDevice.bytes(random, share);
          write(start, expected);
          for (int step = 0; step < STEP_COUNT / 4; step++) {
            int at = random.nextInt(share / UNIT_BYTES) * UNIT_BYTES;
            byte[] content = TestedDevice.bytes(random, UNIT_BYTES);
            write(start + at, content);
            System.arraycopy(content, 0, expected, at, UNIT_BYTES);
            Expect.bytes("read beside others", start, expected, read(start, share));
          }
        });
  }

  @Rule("DST-4")
  void dst4_growsOrStaysAsItWas() throws Exception {
    grown();
    byte[] content = random(UNIT_BYTES);
    write(0, content);
    long before = store.capacityBytes();
    long tooMany = tooManyBytes();
    Expect.refused("grow to " + tooMany, EnumSet.allOf(Errno.class), () -> store.grow(tooMany));
    Expect.same("capacity after a failed grow", before, store.capacityBytes());
    long larger = largerBy(3L * UNIT_BYTES);
    store.grow(larger);
    Expect.same("capacity after a grow", larger, store.capacityBytes());
    store.grow(store.capacityBytes());
    Expect.same("capacity after no grow", larger, store.capacityBytes());
    long max = store.capacityMaxBytes();
    Expect.that(max >= store.capacityBytes(), "capacityMaxBytes()", "the capacity or more", max);
    byte[] more = random((int) (larger - before));
    write(before, more);
    Expect.bytes("in the new capacity", before, more, read(before, more.length));
    Expect.bytes("from before the grow", 0, content, read(0, content.length));
  }

  @Rule("DST-5")
  void dst5_oneStorageBacksOneStore() throws Exception {
    if (namesOneStorage()) {
      Expect.refused("second open of " + argument(), Errno.EBUSY, this::open);
      return;
    }
    grown();
    byte[] content = random(SIZE_BYTES);
    write(0, content);
    try (DiffStore other = open()) {
      if (other.capacityBytes() < SIZE_BYTES) {
        other.grow(SIZE_BYTES);
      }
      other.write(0, ByteBuffer.wrap(random(SIZE_BYTES)));
      Expect.bytes("beside another store", 0, content, read(0, SIZE_BYTES));
    }
  }

  @Rule("DST-6")
  void dst6_isNotReadableByOthers() throws Exception {
    Optional<Path> file = file();
    notApplicableUnless(file.isPresent(), "the store has no file that others can see (file)");
    Expect.same(
        "permissions of " + file.get().getFileName(),
        "rw-------",
        PosixFilePermissions.toString(Files.getPosixFilePermissions(file.get())));
  }

  @Rule("DST-7")
  void dst7_identitiesNameItsStorage() throws Exception {
    List<StorageIdentity> identities = List.copyOf(store.identities());
    grown();
    Expect.same("identities() later", identities, store.identities());
    Optional<Path> file = file();
    if (file.isPresent()) {
      Map<String, Object> status = Files.readAttributes(file.get(), "unix:dev,ino");
      StorageIdentity own =
          new StorageIdentity(
              false,
              ((Number) status.get("dev")).longValue(),
              ((Number) status.get("ino")).longValue());
      Expect.that(identities.contains(own), "identities()", "with " + own, identities);
    }
  }

  @Rule("DST-8")
  void dst8_closeLetsTheStorageGo() throws Exception {
    grown();
    write(0, random(UNIT_BYTES));
    store.close();
    store.close();
    store = open();
    grown();
    byte[] content = random(UNIT_BYTES);
    write(0, content);
    Expect.bytes("in the store opened again", 0, content, read(0, UNIT_BYTES));
  }

  @Rule("DST-10")
  void dst10_isHandedOverWholeOrGoesOn() throws Exception {
    grown();
    byte[] content = random(SIZE_BYTES);
    write(0, content);
    long capacity = store.capacityBytes();
    DiffStore before = store;
    HandOver handOver;
    try {
      handOver = store.handOver();
    } catch (ErrnoException e) {
      Expect.same("refusal of handOver", Errno.ENOTSUP, e.errno());
      Expect.bytes("after the refusal", 0, content, read(0, SIZE_BYTES));
      return;
    }
    store = null;
    before.close();
    if (namesOneStorage()) {
      Expect.refused("open while it is handed over", Errno.EBUSY, this::open);
    }
    store = provider().takeOver(handOver);
    Expect.same("capacity taken over", capacity, store.capacityBytes());
    Expect.bytes("content taken over", 0, content, read(0, SIZE_BYTES));
    store.grow(largerBy(UNIT_BYTES));
    write(capacity, Arrays.copyOf(content, (int) (store.capacityBytes() - capacity)));
  }

  @Rule("DST-11")
  void dst11_unknownHandOverIsLeftUntouched() throws Exception {
    boolean[] closed = {false};
    Channel channel =
        new Channel() {
          @Override
          public boolean isOpen() {
            return !closed[0];
          }

          @Override
          public void close() {
            closed[0] = true;
          }
        };
    HandOver unknown =
        new HandOver("tck-no-such-format/1", Map.of("a", "b"), List.of(channel), List.of());
    Expect.refused("unknown hand-over", Errno.ENOTSUP, () -> provider.takeOver(unknown));
    Expect.same("its channel is open", true, channel.isOpen());
  }

  @Rule("DST-12")
  void dst12_releaseIsAHintThatNeverFails() throws Exception {
    grown();
    byte[] content = random(SIZE_BYTES);
    write(0, content);
    long capacity = store.capacityBytes();
    store.release(UNIT_BYTES, 2L * UNIT_BYTES);
    store.release(UNIT_BYTES, 2L * UNIT_BYTES);
    store.release(0, 0);
    Expect.same("capacity after a release", capacity, store.capacityBytes());
    byte[] head = Arrays.copyOf(content, UNIT_BYTES);
    byte[] tail = Arrays.copyOfRange(content, 3 * UNIT_BYTES, SIZE_BYTES);
    Expect.bytes("before the released range", 0, head, read(0, UNIT_BYTES));
    long behind = 3L * UNIT_BYTES;
    Expect.bytes("behind the released range", behind, tail, read(behind, tail.length));
    byte[] again = random(2 * UNIT_BYTES);
    write(UNIT_BYTES, again);
    Expect.bytes("written after its release", UNIT_BYTES, again, read(UNIT_BYTES, again.length));
  }
}
