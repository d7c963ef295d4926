package io.sluice.fuse.codec;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.fuse.Kernel;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ReplyTest {
  private static final int BODY = 64;
  private static final long UNIQUE = 0x1234_5678_9abc_def0L;
  private static final Attributes FILE =
      new Attributes(9, 1L << 40, 77, 1_700_000_000_123_456_789L, 0100600, 1, 1000, 1001, 4096);

  private final ByteBuffer memory = ByteBuffer.allocate(1 << 16).order(ByteOrder.nativeOrder());
  private final Reply reply = new Reply(memory, BODY);

  /** What was there before must not get out. */
  @BeforeEach
  void dirtyTheMemory() {
    Arrays.fill(memory.array(), (byte) 0xa5);
  }

  private byte[] bytes() {
    int start = reply.startBytes();
    return Arrays.copyOfRange(memory.array(), start, start + reply.lengthBytes());
  }

  private static ByteBuffer expected(int bodyBytes, int error) {
    return Kernel.buffer(16 + bodyBytes).putInt(16 + bodyBytes).putInt(error).putLong(UNIQUE);
  }

  private static ByteBuffer putAttributes(ByteBuffer to) {
    to.putLong(9).putLong(1L << 40).putLong(77);
    to.putLong(1_700_000_000).putLong(1_700_000_000).putLong(1_700_000_000);
    to.putInt(123_456_789).putInt(123_456_789).putInt(123_456_789);
    return to.putInt(0100600).putInt(1).putInt(1000).putInt(1001).putInt(0).putInt(4096).putInt(0);
  }

  @Test
  void status() {
    reply.status(UNIQUE, 0);
    assertArrayEquals(expected(0, 0).array(), bytes());
    reply.status(UNIQUE, 30);
    assertArrayEquals(expected(0, -30).array(), bytes());
    reply.none();
    assertEquals(0, reply.lengthBytes());
  }

  @Test
  void dataStayWhereTheyAre() {
    memory.put(5000, new byte[] {1, 2, 3});
    reply.data(UNIQUE, 5000, 3);
    assertArrayEquals(expected(3, 0).put(new byte[] {1, 2, 3}).array(), bytes());
  }

  @Test
  void entryAndAttributes() {
    reply.entry(UNIQUE, FILE);
    ByteBuffer entry = expected(128, 0).putLong(9).putLong(0).putLong(0).putLong(0).putLong(0);
    assertArrayEquals(Kernel.bytes(putAttributes(entry)), bytes());
    reply.attributes(UNIQUE, FILE);
    assertArrayEquals(Kernel.bytes(putAttributes(expected(104, 0).putLong(0).putLong(0))), bytes());
  }

  @Test
  void openedWrittenFound() {
    reply.opened(UNIQUE, 12, 65);
    assertArrayEquals(expected(16, 0).putLong(12).putInt(65).array(), bytes());
    reply.written(UNIQUE, 4096);
    assertArrayEquals(expected(8, 0).putInt(4096).array(), bytes());
    reply.found(UNIQUE, 1L << 41);
    assertArrayEquals(expected(8, 0).putLong(1L << 41).array(), bytes());
  }

  @Test
  void fileSystem() {
    reply.fileSystem(UNIQUE, 3);
    ByteBuffer body = expected(80, 0).putLong(0).putLong(0).putLong(0).putLong(3).putLong(0);
    assertArrayEquals(Kernel.bytes(body.putInt(4096).putInt(255).putInt(4096)), bytes());
  }

  @Test
  void init() {
    reply.init(UNIQUE, new Init(39, 131072, 1L << 36 | 1 << 22));
    ByteBuffer body = expected(64, 0).putInt(7).putInt(39).putInt(131072).putInt(1 << 22);
    body.putShort((short) 24).putShort((short) 18).putInt(1 << 20).putInt(1);
    assertArrayEquals(
        Kernel.bytes(body.putShort((short) 256).putShort((short) 0).putInt(16)), bytes());
  }

  @Test
  void directoryEntriesAreTakenAsFarAsTheyFit() {
    DirectoryEntries entries = new DirectoryEntries(memory, BODY, 72, false);
    assertTrue(entries.add("disk", 6, FILE, true));
    assertTrue(entries.add("disk@mon", 7, FILE, true));
    assertFalse(entries.add("x", 8, FILE, true), "8 bytes are left, and it takes 32");
    assertEquals(64, entries.usedBytes());
    ByteBuffer body = Kernel.buffer(64);
    body.putLong(9).putLong(6).putInt(4).putInt(8).put(ascii("disk")).putInt(0);
    body.putLong(9).putLong(7).putInt(8).putInt(8).put(ascii("disk@mon"));
    assertArrayEquals(Kernel.bytes(body), Arrays.copyOfRange(memory.array(), BODY, BODY + 64));
  }

  @Test
  void directoryEntriesWithAttributesLookUpAllButDots() {
    DirectoryEntries entries = new DirectoryEntries(memory, BODY, 1 << 12, true);
    assertTrue(entries.add(".", 1, FILE, false));
    assertTrue(entries.add("d", 6, FILE, true));
    ByteBuffer body = Kernel.buffer(2 * 160);
    body.position(128);
    body.putLong(9).putLong(1).putInt(1).putInt(8).put(ascii("."));
    body.position(160);
    putAttributes(body.putLong(9).putLong(0).putLong(0).putLong(0).putLong(0));
    body.putLong(9).putLong(6).putInt(1).putInt(8).put(ascii("d"));
    assertArrayEquals(Kernel.bytes(body), Arrays.copyOfRange(memory.array(), BODY, BODY + 320));
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }
}
