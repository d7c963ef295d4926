package io.sluice.fuse.session;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.DeviceRole;
import io.sluice.block.ErrnoException;
import io.sluice.fuse.Kernel;
import io.sluice.fuse.codec.FuseLimits;
import io.sluice.fuse.codec.FuseProtocol;
import io.sluice.fuse.tree.FileTree;
import io.sluice.testing.MemoryDevice;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class SessionTest {
  private static final int SIZE_BYTES = 1 << 20;
  private static final int EPERM = -1;
  private static final int EIO = -5;
  private static final int ENXIO = -6;
  private static final int ENODEV = -19;
  private static final int EINVAL = -22;
  private static final int ENOSPC = -28;
  private static final int EROFS = -30;
  private static final int ENOSYS = -38;
  private static final int EOPNOTSUPP = -95;
  private static final int ESHUTDOWN = -108;
  private static final int O_RDWR = 2;
  private static final int O_WRONLY = 1;

  private final MemoryDevice device = new MemoryDevice(SIZE_BYTES, 512, false);
  private final Answers answers = new Answers(device, DeviceRole.LIVE, false);

  private int error(byte[] request) {
    return answers.ask(request).error();
  }

  @Test
  void aFileHasItsDevicesSizeAndIsItsOwners() {
    long inode = answers.inode();
    ByteBuffer attributes = answers.get(Kernel.getAttributes(inode)).position(16 + 16).slice();
    attributes.order(java.nio.ByteOrder.nativeOrder());
    assertEquals(inode, attributes.getLong(0));
    assertEquals(SIZE_BYTES, attributes.getLong(8));
    assertEquals(0, attributes.getLong(16), "nothing is allocated yet");
    assertEquals(0100600, attributes.getInt(60));
    assertEquals(1000, attributes.getInt(68));
    assertEquals(1001, attributes.getInt(72));
  }

  @Test
  void allocatedBlocksAreTold() {
    device.poke(8192, new byte[] {1}, 1);
    ByteBuffer attributes = answers.get(Kernel.getAttributes(answers.inode()));
    assertEquals(4096 / 512, attributes.getLong(16 + 16 + 16));
  }

  @Test
  void holesAndDataAreFound() {
    device.poke(8192, new byte[4096], 4096);
    long handle = answers.open(O_RDWR);
    assertEquals(8192, seek(handle, 0, FuseProtocol.SEEK_DATA));
    assertEquals(9000, seek(handle, 9000, FuseProtocol.SEEK_DATA));
    assertEquals(12288, seek(handle, 9000, FuseProtocol.SEEK_HOLE));
    assertEquals(100, seek(handle, 100, FuseProtocol.SEEK_HOLE));
    assertEquals(ENXIO, error(Kernel.seek(handle, 12288, FuseProtocol.SEEK_DATA)));
    assertEquals(ENXIO, error(Kernel.seek(handle, SIZE_BYTES, FuseProtocol.SEEK_HOLE)));
    assertEquals(ENXIO, error(Kernel.seek(handle, -1, FuseProtocol.SEEK_DATA)));
    assertEquals(EINVAL, error(Kernel.seek(handle, 0, 7)));
  }

  @Test
  void aFileWithoutHolesEndsInOne() {
    device.poke(0, new byte[SIZE_BYTES], SIZE_BYTES);
    long handle = answers.open(0);
    assertEquals(SIZE_BYTES, seek(handle, 5, FuseProtocol.SEEK_HOLE));
  }

  private long seek(long handle, long offsetBytes, int whence) {
    return answers.get(Kernel.seek(handle, offsetBytes, whence)).getLong();
  }

  @Test
  void whatIsOpenIsHeld() {
    long handle = answers.open(O_RDWR);
    assertEquals(List.of("FUSE client uid 1000 pid 77"), device.holders);
    assertEquals(1, answers.file.openCount());
    assertEquals(0, error(Kernel.release(handle)));
    assertEquals(List.of(), device.holders);
    assertEquals(EINVAL, error(Kernel.read(handle, 0, 512)), "it is closed");
    assertEquals(0, error(Kernel.release(handle)), "twice is harmless");
    assertEquals(0, answers.file.openCount());
  }

  @Test
  void handlesThatNobodyGotLeadNowhere() {
    for (long handle : new long[] {-1, 5, 4096, Long.MAX_VALUE, Long.MIN_VALUE}) {
      assertEquals(EINVAL, error(Kernel.read(handle, 0, 512)), "handle " + handle);
    }
  }

  @Test
  void requestsBeyondTheLimitsAreRefused() {
    long handle = answers.open(O_RDWR);
    assertEquals(EINVAL, error(Kernel.read(handle, 0, FuseLimits.IO_MAX_BYTES + 1)));
    assertEquals(EINVAL, error(Kernel.read(handle, 0, -1)));
    assertEquals(EINVAL, error(Kernel.read(handle, -512, 512)));
    assertEquals(EINVAL, error(Kernel.write(handle, -512, new byte[512], 0)));
    assertEquals(EINVAL, error(Kernel.fallocate(handle, 0, -1, 3)));
    assertEquals(EINVAL, error(Kernel.fallocate(handle, -1, 1, 3)));
  }

  @Test
  void malformedRequestsAreRefused() {
    byte[] request = Kernel.request(FuseProtocol.READ, 0, new byte[8]);
    assertEquals(EINVAL, error(request));
    assertEquals(EINVAL, error(Kernel.request(FuseProtocol.LOOKUP, 1, new byte[] {'x'})));
    assertEquals(0, error(Kernel.getAttributes(1)), "the next one is served");
  }

  @Test
  void writesPastTheEndFindNoSpace() {
    long handle = answers.open(O_RDWR);
    assertEquals(ENOSPC, error(Kernel.write(handle, SIZE_BYTES, new byte[1], 0)));
    byte[] across = Kernel.write(handle, SIZE_BYTES - 1, new byte[] {7, 8}, 0);
    assertEquals(1, answers.get(across).getInt());
    assertEquals(7, device.bytes[SIZE_BYTES - 1]);
    assertEquals(ENOSPC, error(Kernel.fallocate(handle, SIZE_BYTES - 1, 2, 0x10)));
    assertEquals(0, error(Kernel.fallocate(handle, SIZE_BYTES - 1, 2, 0x11)));
  }

  @Test
  void zeroedRangesStayAllocatedAndPunchedOnesDoNot() {
    device.poke(0, new byte[32768], 32768);
    long handle = answers.open(O_RDWR);
    assertEquals(0, error(Kernel.fallocate(handle, 0, 8192, 0x11)));
    assertEquals(0, error(Kernel.fallocate(handle, 16384, 8192, 3)));
    assertEquals(16384, seek(handle, 0, FuseProtocol.SEEK_HOLE));
    assertEquals(24576, seek(handle, 16384, FuseProtocol.SEEK_DATA));
  }

  @Test
  void otherWaysOfFallocateAreNotServed() {
    long handle = answers.open(O_RDWR);
    for (int mode : new int[] {0, 1, 2, 8, 0x20, 0x40, 0x12}) {
      assertEquals(EOPNOTSUPP, error(Kernel.fallocate(handle, 0, 4096, mode)), "mode " + mode);
    }
  }

  @Test
  void synchronousWritesAreDurable() {
    long handle = answers.open(O_RDWR);
    answers.get(Kernel.write(handle, 0, new byte[512], FuseProtocol.O_DSYNC));
    assertEquals(1, device.fuaCount.get());
    answers.get(Kernel.write(handle, 0, new byte[512], 0));
    assertEquals(1, device.fuaCount.get());
    answers.get(Kernel.fsync(handle));
    assertEquals(1, device.flushCount.get());
  }

  @Test
  void sizesStayWhatTheyAre() {
    long inode = answers.inode();
    int size = FuseProtocol.FATTR_SIZE;
    int handle = FuseProtocol.FATTR_FH;
    assertEquals(EPERM, error(Kernel.setAttributes(inode, size, 100)));
    assertEquals(EPERM, error(Kernel.setAttributes(inode, size | handle, 0)), "ftruncate");
    assertEquals(EPERM, error(Kernel.setAttributes(inode, size, SIZE_BYTES + 1)));
    assertEquals(0, error(Kernel.setAttributes(inode, size | handle, SIZE_BYTES)));
    ByteBuffer opened = answers.get(Kernel.setAttributes(inode, size, 0));
    assertEquals(SIZE_BYTES, opened.getLong(16 + 16 + 8), "O_TRUNC of an open");
  }

  @Test
  void namesOwnersAndModesAreNotTheClients() {
    long inode = answers.inode();
    assertEquals(EPERM, error(Kernel.setAttributes(inode, FuseProtocol.FATTR_MODE, 0)));
    assertEquals(EPERM, error(Kernel.setAttributes(inode, FuseProtocol.FATTR_UID, 0)));
    assertEquals(EPERM, error(Kernel.setAttributes(inode, FuseProtocol.FATTR_GID, 0)));
    int[] opcodes = {
      FuseProtocol.SYMLINK, FuseProtocol.MKNOD, FuseProtocol.MKDIR, FuseProtocol.UNLINK,
      FuseProtocol.RMDIR, FuseProtocol.RENAME, FuseProtocol.RENAME2, FuseProtocol.LINK,
      FuseProtocol.CREATE, FuseProtocol.TMPFILE
    };
    for (int opcode : opcodes) {
      assertEquals(EPERM, error(Kernel.request(opcode, inode, new byte[64])), "op " + opcode);
    }
  }

  @Test
  void whatIsUnknownIsSaidToBe() {
    for (int opcode : new int[] {22, 25, 36, 39, 47, 52, 1000}) {
      assertEquals(ENOSYS, error(Kernel.request(opcode, 1, new byte[64])), "op " + opcode);
    }
    assertNull(answers.ask(Kernel.request(FuseProtocol.FORGET, 4, new byte[8])));
    assertNull(answers.ask(Kernel.request(FuseProtocol.BATCH_FORGET, 0, new byte[8])));
  }

  @Test
  void aReadOnlyExportOpensForReadingAlone() {
    Answers readOnly = new Answers(device, DeviceRole.LIVE, true);
    long inode = readOnly.inode();
    assertEquals(EROFS, readOnly.ask(Kernel.open(inode, O_WRONLY)).error());
    assertEquals(EROFS, readOnly.ask(Kernel.open(inode, O_RDWR)).error());
    int mode = readOnly.get(Kernel.getAttributes(inode)).getInt(16 + 16 + 60);
    assertEquals(0100400, mode);
    long handle = readOnly.open(0);
    assertEquals(EROFS, readOnly.ask(Kernel.write(handle, 0, new byte[512], 0)).error());
    assertEquals(EROFS, readOnly.ask(Kernel.fallocate(handle, 0, 512, 3)).error());
    assertEquals(
        EROFS, readOnly.ask(Kernel.setAttributes(inode, FuseProtocol.FATTR_SIZE, 0)).error());
  }

  @Test
  void onlyWhatNobodyCanChangeIsCached() {
    assertEquals(0x41, answers.get(Kernel.open(answers.inode(), 0)).getInt(16 + 8));
    MemoryDevice frozen = new MemoryDevice(SIZE_BYTES, 512, true);
    Answers image = new Answers(frozen, DeviceRole.IMAGE, false);
    assertEquals(2, image.get(Kernel.open(image.inode(), 0)).getInt(16 + 8));
    Answers live = new Answers(frozen, DeviceRole.LIVE, false);
    assertEquals(0x41, live.get(Kernel.open(live.inode(), 0)).getInt(16 + 8));
    Answers writable = new Answers(device, DeviceRole.IMAGE, true);
    assertEquals(
        0x41,
        writable.get(Kernel.open(writable.inode(), 0)).getInt(16 + 8),
        "an image that another export may write to");
  }

  @Test
  void whatIsOpenOutlivesItsDeviceAndFails() {
    long inode = answers.inode();
    long handle = answers.open(O_RDWR);
    answers.tree.remove(answers.file);
    assertEquals(ESHUTDOWN, error(Kernel.read(handle, 0, 512)));
    assertEquals(ESHUTDOWN, error(Kernel.write(handle, 0, new byte[512], 0)));
    assertEquals(ESHUTDOWN, error(Kernel.fsync(handle)));
    assertEquals(ESHUTDOWN, error(Kernel.fallocate(handle, 0, 512, 3)));
    assertEquals(ESHUTDOWN, error(Kernel.seek(handle, 0, FuseProtocol.SEEK_DATA)));
    assertEquals(ENODEV, error(Kernel.getAttributes(inode)));
    assertEquals(ENODEV, error(Kernel.open(inode, 0)));
    assertEquals(-2, error(Kernel.lookUp(2, "disk")));
    assertEquals(0, error(Kernel.release(handle)));
    assertEquals(List.of(), device.holders);
  }

  @Test
  void faultsOfTheDeviceAreErrorsOfTheRequest() {
    Answers faulty =
        new Answers(
            new MemoryDevice(SIZE_BYTES, 512, false) {
              @Override
              public void submit(Bio bio) throws ErrnoException {
                if (bio.op() == BioOp.FLUSH) {
                  throw new IllegalStateException("a filter's fault");
                }
                if (bio.op() == BioOp.READ) {
                  return; // and leaves the buffer as it was
                }
                throw new ErrnoException(io.sluice.block.Errno.EDQUOT, "quota");
              }
            },
            DeviceRole.LIVE,
            false);
    long handle = faulty.open(O_RDWR);
    assertEquals(EIO, faulty.ask(Kernel.read(handle, 0, 512)).error());
    assertEquals(EIO, faulty.ask(Kernel.fsync(handle)).error());
    assertEquals(-122, faulty.ask(Kernel.write(handle, 0, new byte[512], 0)).error());
  }

  @Test
  void directoriesListWhatThereIs() {
    assertEquals(List.of(".", "..", "dev", "images"), names(FileTree.ROOT, 4096));
    assertEquals(List.of(".", "..", "disk"), names(2, 4096));
    assertEquals(List.of(".", "..", "dev", "images"), names(FileTree.ROOT, 48), "piece by piece");
    assertEquals(-20, error(Kernel.request(28, answers.inode(), Kernel.io(0, 0, 4096, 0))));
  }

  private List<String> names(long directory, int pieceBytes) {
    List<String> names = new ArrayList<>();
    long cookie = 0;
    while (true) {
      ByteBuffer entries =
          answers.get(
              Kernel.request(FuseProtocol.READDIR, directory, Kernel.io(0, cookie, pieceBytes, 0)));
      if (!entries.hasRemaining()) {
        return names;
      }
      while (entries.hasRemaining()) {
        entries.getLong();
        cookie = entries.getLong();
        byte[] name = new byte[entries.getInt()];
        entries.getInt();
        entries.get(name);
        entries.position(entries.position() + (-name.length & 7));
        names.add(new String(name, java.nio.charset.StandardCharsets.UTF_8));
      }
    }
  }

  @Test
  void readsEndAtTheEnd() {
    device.bytes[SIZE_BYTES - 1] = 9;
    long handle = answers.open(0);
    assertArrayEquals(
        new byte[] {0, 9}, answers.ask(Kernel.read(handle, SIZE_BYTES - 2, 4096)).bytes());
    assertEquals(0, answers.ask(Kernel.read(handle, SIZE_BYTES, 4096)).bytes().length);
    assertEquals(0, answers.ask(Kernel.read(handle, Long.MAX_VALUE, 4096)).bytes().length);
    assertTrue(answers.file.openCount() == 1);
  }
}
