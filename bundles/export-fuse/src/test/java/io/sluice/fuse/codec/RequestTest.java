package io.sluice.fuse.codec;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.fuse.Kernel;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RequestTest {
  private static final int START = 24;

  private final ByteBuffer memory = ByteBuffer.allocate(1 << 16).order(ByteOrder.nativeOrder());
  private final Request request = new Request(memory, START);

  private Request decode(byte[] bytes) throws MalformedRequestException {
    memory.put(START, bytes);
    request.decode(bytes.length);
    return request;
  }

  @Test
  void readsTheHeader() throws Exception {
    decode(Kernel.getAttributes(42));
    assertEquals(FuseProtocol.GETATTR, request.opcode());
    assertEquals(Kernel.unique(), request.unique());
    assertEquals(42, request.nodeId());
    assertEquals(1000, request.uid());
    assertEquals(77, request.pid());
  }

  @Test
  void readsTheArgumentsOfIo() throws Exception {
    decode(Kernel.write(7, 1L << 40, new byte[512], FuseProtocol.O_DSYNC));
    assertEquals(7, request.handle());
    assertEquals(1L << 40, request.offsetBytes());
    assertEquals(512, request.sizeBytes());
    assertEquals(FuseProtocol.O_DSYNC, request.ioOpenFlags());
  }

  @Test
  void readsTheArgumentsOfFallocateSeekOpenAndSetattr() throws Exception {
    decode(Kernel.fallocate(3, 4096, 1L << 33, 0x11));
    assertEquals(3, request.handle());
    assertEquals(4096, request.offsetBytes());
    assertEquals(1L << 33, request.fallocateBytes());
    assertEquals(0x11, request.fallocateMode());
    decode(Kernel.seek(5, 99, FuseProtocol.SEEK_HOLE));
    assertEquals(5, request.handle());
    assertEquals(99, request.offsetBytes());
    assertEquals(FuseProtocol.SEEK_HOLE, request.whence());
    assertEquals(02, decode(Kernel.open(9, 02)).openFlags());
    decode(Kernel.setAttributes(9, FuseProtocol.FATTR_SIZE, 1L << 34));
    assertEquals(FuseProtocol.FATTR_SIZE, request.changed());
    assertEquals(1L << 34, request.newSizeBytes());
  }

  @Test
  void readsNames() throws Exception {
    assertEquals("disk@monday", decode(Kernel.lookUp(1, "disk@monday")).name());
    assertEquals("d".repeat(255), decode(Kernel.lookUp(1, "d".repeat(255))).name());
  }

  @Test
  void refusesNamesThatAreNone() throws Exception {
    decode(Kernel.lookUp(1, ""));
    assertThrows(MalformedRequestException.class, request::name);
    decode(Kernel.lookUp(1, "d".repeat(256)));
    assertThrows(MalformedRequestException.class, request::name);
    decode(Kernel.request(FuseProtocol.LOOKUP, 1, new byte[] {'d', 'i'}));
    assertThrows(MalformedRequestException.class, request::name, "no closing zero");
    decode(Kernel.request(FuseProtocol.LOOKUP, 1, new byte[0]));
    assertThrows(MalformedRequestException.class, request::name);
  }

  @Test
  void readsBothWordsOfTheKernelsFlags() throws Exception {
    long flags = Init.INIT_EXT | Init.DIRECT_IO_ALLOW_MMAP | Init.MAX_PAGES;
    decode(Kernel.init(7, 45, flags));
    assertEquals(flags, request.capabilities());
    Init agreed = Init.agree(request);
    assertEquals(flags, agreed.flags());
    assertEquals(FuseProtocol.MINOR, agreed.minor());
    assertEquals(131072, agreed.maxReadaheadBytes());
    decode(Kernel.init(7, 36, Init.DIRECT_IO_ALLOW_MMAP | Init.MAX_PAGES));
    assertEquals(Init.MAX_PAGES, request.capabilities(), "the second word counts with INIT_EXT");
    assertEquals(36, Init.agree(request).minor());
  }

  @Test
  void agreesToNothingThatWasNotAskedFor() throws Exception {
    decode(Kernel.init(7, 45, -1L));
    long agreed = Init.agree(request).flags();
    assertEquals(0, agreed & 1 << 16, "writes kept back in the kernel");
    assertEquals(0, agreed & 1 << 3, "O_TRUNC with the open");
  }

  @Test
  void refusesOtherProtocols() throws Exception {
    decode(Kernel.init(8, 0, 0));
    assertThrows(MalformedRequestException.class, () -> Init.agree(request));
    decode(Kernel.init(7, FuseLimits.MINOR_MIN - 1, 0));
    String message =
        assertThrows(MalformedRequestException.class, () -> Init.agree(request)).getMessage();
    assertTrue(message.contains("7.30") && message.contains("7.31"), message);
    decode(Kernel.getAttributes(1));
    assertThrows(MalformedRequestException.class, () -> Init.agree(request));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 39})
  void refusesLessThanAHeader(int length) {
    memory.put(START, Kernel.getAttributes(1));
    assertThrows(MalformedRequestException.class, () -> request.decode(length));
  }

  @Test
  void refusesALengthThatIsNotTheHeaders() {
    byte[] bytes = Kernel.getAttributes(1);
    memory.put(START, bytes);
    assertThrows(MalformedRequestException.class, () -> request.decode(bytes.length - 1));
    assertThrows(MalformedRequestException.class, () -> request.decode(bytes.length + 1));
  }

  @Test
  void refusesArgumentsThatAreShorterThanTheOperationNeeds() {
    int[] opcodes = {
      FuseProtocol.READ, FuseProtocol.WRITE, FuseProtocol.SETATTR, FuseProtocol.FALLOCATE,
      FuseProtocol.LSEEK, FuseProtocol.RELEASE, FuseProtocol.INIT, FuseProtocol.FSYNC,
      FuseProtocol.OPEN, FuseProtocol.BATCH_FORGET, FuseProtocol.READDIR, FuseProtocol.READDIRPLUS
    };
    for (int opcode : opcodes) {
      byte[] bytes = Kernel.request(opcode, 1, new byte[7]);
      assertThrows(MalformedRequestException.class, () -> decode(bytes), "operation " + opcode);
    }
  }

  @Test
  void refusesAWriteThatSaysMoreThanItBrings() {
    byte[] arguments = Kernel.io(0, 0, 4096, 0);
    byte[] bytes = Kernel.request(FuseProtocol.WRITE, 0, arguments);
    assertThrows(MalformedRequestException.class, () -> decode(bytes));
    byte[] huge = Kernel.request(FuseProtocol.WRITE, 0, Kernel.io(0, 0, -1, 0));
    assertThrows(MalformedRequestException.class, () -> decode(huge));
  }

  @Test
  void refusesExtensionsThatLeaveNoRoom() {
    byte[] bytes = Kernel.getAttributes(1);
    bytes[36] = (byte) 255;
    assertThrows(MalformedRequestException.class, () -> decode(bytes));
  }

  /** Whatever comes, it is a request whose accessors stay inside, or it is refused. */
  @Test
  void survivesAnyBytes() {
    long seed = 20261128;
    Random random = new Random(seed);
    ByteBuffer small = ByteBuffer.allocate(START + 200).order(ByteOrder.nativeOrder());
    Request any = new Request(small, START);
    int accepted = 0;
    for (int round = 0; round < 200_000; round++) {
      int length = random.nextInt(200);
      byte[] bytes = new byte[200];
      random.nextBytes(bytes);
      small.put(START, bytes);
      small.putInt(START, random.nextInt(10) == 0 ? random.nextInt() : length);
      small.putInt(START + 4, random.nextInt(53));
      small.putShort(START + 36, (short) random.nextInt(4));
      try {
        any.decode(length);
      } catch (MalformedRequestException e) {
        continue;
      }
      accepted++;
      try {
        any.name();
      } catch (MalformedRequestException e) {
        // As it should be for most of them.
      }
    }
    assertTrue(accepted > 10_000, accepted + " accepted with seed " + seed);
  }
}
