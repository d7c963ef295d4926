package io.sluice.tck;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Exchanger;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;

/** Devices that break one rule each. */
final class DeviceMutants {
  private static final int SIZE_BYTES = 128 << 10;
  private static final int BLOCK = 512;
  private static final Set<BioOp> ALL = EnumSet.allOf(BioOp.class);
  private static final Set<BioOp> NO_DISCARD =
      EnumSet.of(BioOp.READ, BioOp.WRITE, BioOp.FLUSH, BioOp.WRITE_ZEROES);

  private DeviceMutants() {}

  /** Makes a device, as wrong as it may be. */
  @FunctionalInterface
  interface Make {
    MemoryDevice of(DeviceGeometry geometry);
  }

  /** The kit over whatever is to be tested now. Its name keeps the build from running it alone. */
  static final class Kit extends BlockDeviceTck {
    static Make make = MemoryDevice::new;
    static Set<BioOp> ops = ALL;

    private static MemoryDevice open(boolean readOnly) {
      return make.of(new DeviceGeometry(SIZE_BYTES, BLOCK, 4096, readOnly, false, ops));
    }

    @Override
    protected BlockDevice openDevice() {
      return open(false);
    }

    @Override
    protected Optional<BlockDevice> openReadOnlyDevice() {
      return Optional.of(open(true));
    }

    @Override
    protected Optional<BlockDevice> reopenAfterCrash(BlockDevice device) {
      ((MemoryDevice) device).crash();
      return Optional.of(device);
    }

    @Override
    protected boolean remove(BlockDevice device) {
      ((MemoryDevice) device).remove();
      return true;
    }
  }

  static KitRun run(Mutant<Make> mutant) {
    Kit.make = mutant.make();
    Kit.ops = mutant.rule().equals("BLK-11") ? NO_DISCARD : ALL;
    return KitRun.of(Kit.class);
  }

  /** What a mutant does in place of a sound submit. */
  @FunctionalInterface
  private interface Wrong {
    void submit(Bio bio, MemoryDevice self, BlockDevice sound) throws ErrnoException;
  }

  private static Make wrong(Wrong wrong) {
    return geometry ->
        new MemoryDevice(geometry) {
          @Override
          public void submit(Bio bio) throws ErrnoException {
            wrong.submit(bio, this, Sound.of(super::submit, geometry));
          }
        };
  }

  /** The unchanged way. */
  private interface Sound extends BlockDevice {
    /** A submit. */
    @FunctionalInterface
    interface Way {
      void submit(Bio bio) throws ErrnoException;
    }

    static Sound of(Way way, DeviceGeometry geometry) {
      return new Sound() {
        @Override
        public DeviceGeometry geometry() {
          return geometry;
        }

        @Override
        public void submit(Bio bio) throws ErrnoException {
          way.submit(bio);
        }
      };
    }
  }

  private static ErrnoException error(Errno errno) {
    return new ErrnoException(errno, "wrong on purpose");
  }

  private static boolean unaligned(Bio bio) {
    return bio.offsetBytes() % BLOCK != 0 || bio.lengthBytes() % BLOCK != 0;
  }

  private static boolean fastZeroes(Bio bio) {
    return bio.op() == BioOp.WRITE_ZEROES && bio.has(Bio.FAST_ONLY);
  }

  static List<Mutant<Make>> all() {
    return List.of(
        new Mutant<>(
            "BLK-2", "stores a written buffer once more later", repeats(BioOp.WRITE, true)),
        new Mutant<>("BLK-2", "fills a read's buffer once more later", repeats(BioOp.READ, false)),
        new Mutant<>("BLK-3", "leaves the position of a read", wrong(DeviceMutants::keepsPosition)),
        new Mutant<>(
            "BLK-3", "ignores the position of a heap buffer", wrong(DeviceMutants::fromZero)),
        new Mutant<>(
            "BLK-3", "short by a byte into direct buffers", wrong(DeviceMutants::shortRead)),
        new Mutant<>(
            "BLK-4", "loses the last sector written alone", wrong(DeviceMutants::losesLast)),
        new Mutant<>("BLK-5", "flushes what the same thread wrote", flushesOwnThread()),
        new Mutant<>("BLK-6", "ignores FUA", wrong(DeviceMutants::ignoresFua)),
        new Mutant<>(
            "BLK-7",
            "reads unaligned",
            wrong(
                (bio, self, sound) -> {
                  if (bio.op() != BioOp.READ || !unaligned(bio)) {
                    sound.submit(bio);
                  }
                })),
        new Mutant<>(
            "BLK-7", "refuses a length after storing a part", wrong(DeviceMutants::storesPart)),
        new Mutant<>(
            "BLK-8",
            "clips a read at the end",
            wrong(
                (bio, self, sound) -> {
                  if (bio.op() != BioOp.READ || bio.endBytes() <= SIZE_BYTES) {
                    sound.submit(bio);
                  }
                })),
        new Mutant<>(
            "BLK-8",
            "lets offset plus length wrap",
            wrong(
                (bio, self, sound) -> {
                  if (bio.offsetBytes() < 0 || bio.lengthBytes() < 0 || bio.endBytes() >= 0) {
                    sound.submit(bio);
                  }
                })),
        new Mutant<>(
            "BLK-9",
            "refuses length 0 at the very end",
            wrong(
                (bio, self, sound) -> {
                  if (bio.offsetBytes() == SIZE_BYTES && bio.lengthBytes() == 0) {
                    throw error(Errno.EINVAL);
                  }
                  sound.submit(bio);
                })),
        new Mutant<>(
            "BLK-9",
            "takes length 0 for a block",
            wrong(
                (bio, self, sound) -> {
                  boolean empty = bio.op() == BioOp.WRITE_ZEROES && bio.lengthBytes() == 0;
                  boolean inside = bio.offsetBytes() < SIZE_BYTES;
                  sound.submit(
                      empty && inside ? new Bio().writeZeroes(bio.offsetBytes(), BLOCK, 0) : bio);
                })),
        new Mutant<>(
            "BLK-10",
            "zeroes on a read-only device",
            wrong(
                (bio, self, sound) -> {
                  if (bio.op() == BioOp.WRITE_ZEROES && self.geometry.readOnly()) {
                    self.serve(bio);
                  } else {
                    sound.submit(bio);
                  }
                })),
        new Mutant<>(
            "BLK-11",
            "completes what it does not serve",
            wrong(
                (bio, self, sound) -> {
                  if (self.geometry.ops().contains(bio.op())) {
                    sound.submit(bio);
                  }
                })),
        new Mutant<>(
            "BLK-12",
            "FAST_ONLY does nothing",
            wrong(
                (bio, self, sound) -> {
                  if (!fastZeroes(bio)) {
                    sound.submit(bio);
                  }
                })),
        new Mutant<>(
            "BLK-12",
            "FAST_ONLY fails when it has zeroed",
            wrong(
                (bio, self, sound) -> {
                  sound.submit(bio);
                  if (fastZeroes(bio) && bio.lengthBytes() > 0) {
                    throw error(Errno.ENOTSUP);
                  }
                })),
        new Mutant<>("BLK-13", "rounds large discards up", wrong(DeviceMutants::roundsUp)),
        new Mutant<>("BLK-14", "looks at a block's first byte only", looksAtFirstByte()),
        new Mutant<>(
            "BLK-14",
            "reports extents past the end asked for",
            status((visitor, length, state) -> visitor.extent(length + BLOCK, state))),
        new Mutant<>(
            "BLK-14",
            "goes on when told to stop",
            status(
                (visitor, length, state) -> {
                  visitor.extent(length, state);
                  return true;
                })),
        new Mutant<>("BLK-14", "reports nothing", status((visitor, length, state) -> true)),
        new Mutant<>(
            "BLK-15",
            "IllegalArgumentException below 0",
            wrong(
                (bio, self, sound) -> {
                  if (bio.offsetBytes() < 0) {
                    throw new IllegalArgumentException("negative");
                  }
                  sound.submit(bio);
                })),
        new Mutant<>("BLK-16", "tears sectors of writes at once", tears()),
        new Mutant<>("BLK-17", "reads by one scratch buffer for all", sharesScratch()),
        new Mutant<>(
            "BLK-18",
            "EIO when removed",
            wrong(
                (bio, self, sound) -> {
                  try {
                    sound.submit(bio);
                  } catch (ErrnoException e) {
                    throw e.errno() == Errno.ESHUTDOWN ? error(Errno.EIO) : e;
                  }
                })),
        new Mutant<>(
            "BLK-19",
            "eats the interrupt",
            wrong(
                (bio, self, sound) -> {
                  Thread.interrupted();
                  sound.submit(bio);
                })),
        new Mutant<>(
            "BLK-19",
            "fails when interrupted",
            wrong(
                (bio, self, sound) -> {
                  if (Thread.currentThread().isInterrupted()) {
                    throw error(Errno.EINTR);
                  }
                  sound.submit(bio);
                })));
  }

  /** Does what a bio said once more, when its thread comes next. */
  private static Make repeats(BioOp op, boolean directOnly) {
    return geometry -> {
      Map<Thread, Bio> kept = new ConcurrentHashMap<>();
      return wrong(
              (bio, self, sound) -> {
                Bio before = kept.remove(Thread.currentThread());
                if (before != null) {
                  self.serve(before);
                }
                ByteBuffer same = bio.op() == op ? bio.data().duplicate() : null;
                sound.submit(bio);
                if (same != null && (same.isDirect() || !directOnly)) {
                  long offset = bio.offsetBytes();
                  Bio later = new Bio();
                  kept.put(
                      Thread.currentThread(),
                      op == BioOp.READ ? later.read(offset, same) : later.write(offset, same, 0));
                }
              })
          .of(geometry);
    };
  }

  private static void keepsPosition(Bio bio, MemoryDevice self, BlockDevice sound)
      throws ErrnoException {
    int position = bio.op() == BioOp.READ ? bio.data().position() : -1;
    sound.submit(bio);
    if (position >= 0) {
      bio.data().position(position);
    }
  }

  private static void fromZero(Bio bio, MemoryDevice self, BlockDevice sound)
      throws ErrnoException {
    if (bio.op() != BioOp.READ || !bio.data().hasArray() || bio.data().position() == 0) {
      sound.submit(bio);
      return;
    }
    ByteBuffer start = bio.data().duplicate().clear().limit((int) bio.lengthBytes());
    sound.submit(new Bio().read(bio.offsetBytes(), start));
    bio.data().position(bio.data().limit());
  }

  private static void shortRead(Bio bio, MemoryDevice self, BlockDevice sound)
      throws ErrnoException {
    sound.submit(bio);
    if (bio.op() == BioOp.READ && bio.data().isDirect() && bio.lengthBytes() > 0) {
      bio.data().put(bio.data().limit() - 1, (byte) 0);
    }
  }

  private static void losesLast(Bio bio, MemoryDevice self, BlockDevice sound)
      throws ErrnoException {
    if (bio.op() == BioOp.WRITE
        && bio.offsetBytes() == SIZE_BYTES - BLOCK
        && !unaligned(bio)
        && bio.lengthBytes() == BLOCK) {
      bio.data().position(bio.data().limit());
      return;
    }
    sound.submit(bio);
  }

  private static Make flushesOwnThread() {
    return geometry -> {
      AtomicReference<Thread> writer = new AtomicReference<>();
      return wrong(
              (bio, self, sound) -> {
                Thread me = Thread.currentThread();
                if (bio.op() == BioOp.WRITE) {
                  writer.set(me);
                }
                if (bio.op() != BioOp.FLUSH || writer.get() == null || writer.get() == me) {
                  sound.submit(bio);
                }
              })
          .of(geometry);
    };
  }

  private static void ignoresFua(Bio bio, MemoryDevice self, BlockDevice sound)
      throws ErrnoException {
    if (!bio.has(Bio.FUA)) {
      sound.submit(bio);
    } else if (bio.op() == BioOp.WRITE) {
      sound.submit(new Bio().write(bio.offsetBytes(), bio.data(), 0));
    } else {
      sound.submit(new Bio().writeZeroes(bio.offsetBytes(), bio.lengthBytes(), 0));
    }
  }

  private static void storesPart(Bio bio, MemoryDevice self, BlockDevice sound)
      throws ErrnoException {
    boolean odd = bio.lengthBytes() > BLOCK && bio.lengthBytes() % BLOCK != 0;
    if (bio.op() == BioOp.WRITE && odd && bio.offsetBytes() % BLOCK == 0) {
      self.serve(new Bio().write(bio.offsetBytes(), ByteBuffer.allocate(BLOCK), 0));
    }
    sound.submit(bio);
  }

  private static void roundsUp(Bio bio, MemoryDevice self, BlockDevice sound)
      throws ErrnoException {
    sound.submit(bio);
    if (bio.op() == BioOp.DISCARD && bio.lengthBytes() > 16 * BLOCK) {
      sound.submit(new Bio().discard(bio.endBytes(), BLOCK, 0));
    }
  }

  private static Make looksAtFirstByte() {
    return geometry ->
        new MemoryDevice(geometry) {
          @Override
          boolean isZero(byte[] bytes, int blockAt, int blockSizeBytes) {
            return bytes[blockAt] == 0;
          }
        };
  }

  /** What a mutant tells the visitor in place of an extent. */
  @FunctionalInterface
  private interface WrongExtent {
    boolean tell(ExtentVisitor visitor, long lengthBytes, int state);
  }

  private static Make status(WrongExtent wrong) {
    return geometry ->
        new MemoryDevice(geometry) {
          @Override
          public void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor)
              throws ErrnoException {
            super.status(
                offsetBytes, lengthBytes, (length, state) -> wrong.tell(visitor, length, state));
          }
        };
  }

  /** Lets two threads meet, or goes on after a moment. */
  static void meet(Exchanger<Boolean> exchanger, int millis) {
    try {
      exchanger.exchange(true, millis, TimeUnit.MILLISECONDS);
    } catch (TimeoutException alone) {
      return;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static Make tears() {
    Exchanger<Boolean> exchanger = new Exchanger<>();
    return wrong(
        (bio, self, sound) -> {
          if (bio.op() != BioOp.WRITE || bio.lengthBytes() != 8 * BLOCK || bio.offsetBytes() != 0) {
            sound.submit(bio);
            return;
          }
          ByteBuffer data = bio.data().duplicate();
          sound.submit(bio);
          meet(exchanger, 20);
          for (int from = 0; from < 8 * BLOCK; from += BLOCK) {
            ByteBuffer half = data.slice(data.position() + from, BLOCK / 2);
            self.serve(new Bio().write(from, half, 0));
          }
        });
  }

  private static Make sharesScratch() {
    return geometry -> {
      Exchanger<Boolean> exchanger = new Exchanger<>();
      byte[] scratch = new byte[BLOCK];
      return wrong(
              (bio, self, sound) -> {
                if (bio.op() != BioOp.READ || bio.lengthBytes() != BLOCK || unaligned(bio)) {
                  sound.submit(bio);
                  return;
                }
                sound.submit(new Bio().read(bio.offsetBytes(), ByteBuffer.wrap(scratch)));
                meet(exchanger, 1);
                bio.data().put(scratch);
              })
          .of(geometry);
    };
  }
}
