package io.sluice.nbd.codec;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Errno;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The wire format, byte by byte, and what is refused. */
class CodecTest {
  private static final Set<Integer> PROTOCOL_ERRORS = Set.of(1, 5, 12, 22, 28, 75, 95, 108);

  @Test
  void requestIsTakenApart() throws ProtocolException {
    ByteBuffer in = ByteBuffer.allocate(64);
    in.putInt(0x25609513).putShort((short) 0x8001).putShort((short) 7).putLong(-5);
    in.putLong(-1).putInt(-1).put((byte) 9).flip();
    Request request = new Request(ReplyStyle.SIMPLE);
    request.decode(in);
    assertEquals(0x8001, request.flags());
    assertEquals(7, request.type());
    assertEquals(-5, request.cookie());
    assertEquals(-1, request.offsetBytes());
    assertEquals(0xffffffffL, request.lengthBytes());
    assertEquals(1, in.remaining());
    assertEquals("BLOCK_STATUS 18446744073709551615+4294967295", request.toString());
    Request copy = new Request(ReplyStyle.SIMPLE);
    copy.copy(request);
    assertEquals(
        request.toString() + request.flags() + request.cookie(),
        copy.toString() + copy.flags() + copy.cookie());
  }

  @Test
  void wrongRequestMagicEndsTheConnection() {
    ByteBuffer in = ByteBuffer.allocate(28).putInt(0, 0x25609514);
    Request request = new Request(ReplyStyle.STRUCTURED);
    ProtocolException e = assertThrows(ProtocolException.class, () -> request.decode(in));
    assertEquals("request magic 0x25609514 instead of 0x25609513", e.getMessage());
  }

  private static Request request(long cookie) throws ProtocolException {
    Request request = new Request(ReplyStyle.STRUCTURED);
    request.decode(
        ByteBuffer.allocate(28).putInt(NbdProtocol.REQUEST_MAGIC).putLong(8, cookie).rewind());
    return request;
  }

  @ParameterizedTest
  @EnumSource
  void whatIsPutDownIsTakenUp(ReplyStyle style) throws ProtocolException {
    boolean extended = style == ReplyStyle.EXTENDED;
    ByteBuffer in = ByteBuffer.allocate(style.requestBytes());
    in.putInt(extended ? 0x21e41c71 : 0x25609513).putShort((short) 1).putShort((short) 6);
    in.putLong(77).putLong(1L << 50);
    byte[] said = (extended ? in.putLong(1L << 40) : in.putInt(-2)).array();
    Request request = new Request(style);
    request.decode(ByteBuffer.wrap(said));
    assertEquals(extended ? 1L << 40 : 0xfffffffeL, request.lengthBytes());
    ByteBuffer again = ByteBuffer.allocate(style.requestBytes());
    request.encode(again);
    assertArrayEquals(said, again.array());
    request.advance(512);
    assertEquals((1L << 50) + 512, request.offsetBytes());
    assertEquals(1L << 50, request.firstOffsetBytes());
  }

  @ParameterizedTest
  @EnumSource
  void everyErrnoBecomesOneOfTheProtocol(Errno errno) {
    assertTrue(PROTOCOL_ERRORS.contains(Replies.errorNumber(errno)), errno::name);
  }

  @Test
  void errnosKeepTheirMeaning() {
    assertEquals(28, Replies.errorNumber(Errno.EDQUOT));
    assertEquals(28, Replies.errorNumber(Errno.EFBIG));
    assertEquals(1, Replies.errorNumber(Errno.EROFS));
    assertEquals(5, Replies.errorNumber(Errno.ENODEV));
    assertEquals(95, Replies.errorNumber(Errno.ENOTSUP));
    assertEquals(108, Replies.errorNumber(Errno.ESHUTDOWN));
  }

  @Test
  void structuredErrorHasTextWithSpareByte() throws ProtocolException {
    ByteBuffer out = ByteBuffer.allocate(NbdLimits.ERROR_REPLY_MAX_BYTES);
    Replies.putError(out, request(3), Errno.ENOSPC, "the store is full");
    out.flip();
    assertEquals(0x668e33ef, out.getInt());
    assertEquals(1, out.getShort());
    assertEquals((short) 0x8001, out.getShort());
    assertEquals(3, out.getLong());
    assertEquals(out.remaining() - 4, out.getInt());
    assertEquals(28, out.getInt());
    assertEquals(out.remaining() - 2, out.getShort());
    assertEquals("the store is full.", StandardCharsets.UTF_8.decode(out).toString());
  }

  @Test
  void longestTextFitsItsRoom() throws ProtocolException {
    ByteBuffer out = ByteBuffer.allocate(NbdLimits.ERROR_REPLY_MAX_BYTES);
    Replies.putError(out, request(3), Errno.EIO, "\u20ac".repeat(5000));
    assertTrue(out.position() > 3000, "the text was lost");
    ByteBuffer option = ByteBuffer.allocate(OptionReplies.REPLY_MAX_BYTES);
    OptionReplies.putServer(option, "n".repeat(9000), "d".repeat(9000));
    assertEquals(20 + 4 + 2 * 4096, option.position());
  }

  @Test
  void infoRequestIsTakenApart() throws MalformedOptionException {
    ByteBuffer data = string(ByteBuffer.allocate(100), "disk");
    data.putShort((short) 2).putShort((short) 3).putShort((short) 0xffff).flip();
    assertEquals(new InfoRequest("disk", Set.of(3, 0xffff)), InfoRequest.decode(data));
  }

  @Test
  void metaContextRequestIsTakenApart() throws MalformedOptionException {
    ByteBuffer data = string(ByteBuffer.allocate(100), "").putInt(2);
    string(string(data, "base:"), "x:y").flip();
    assertEquals(
        new MetaContextRequest("", List.of("base:", "x:y")), MetaContextRequest.decode(data));
  }

  @Test
  void malformedInfoIsRefused() {
    refusedInfo(ByteBuffer.allocate(3));
    refusedInfo(ByteBuffer.allocate(4));
    refusedInfo(ByteBuffer.allocate(4).putInt(0, -1));
    refusedInfo(ByteBuffer.allocate(8).putInt(0, 5));
    refusedInfo(ByteBuffer.allocate(5002).putInt(0, 4997));
    refusedInfo(ByteBuffer.allocate(6).putShort(4, (short) 1));
    refusedInfo(ByteBuffer.allocate(8));
    refusedInfo(ByteBuffer.allocate(6 + 2 * 300).putShort(4, (short) 300));
  }

  @Test
  void malformedMetaContextIsRefused() {
    refusedMeta(ByteBuffer.allocate(7));
    refusedMeta(ByteBuffer.allocate(8).putInt(4, 1));
    refusedMeta(ByteBuffer.allocate(8).putInt(4, -1));
    refusedMeta(ByteBuffer.allocate(8 + 4 * 300).putInt(4, 300));
    refusedMeta(ByteBuffer.allocate(12).putInt(4, 1).putInt(8, 0x7fffffff));
    refusedMeta(ByteBuffer.allocate(9));
  }

  private static void refusedInfo(ByteBuffer data) {
    assertThrows(MalformedOptionException.class, () -> InfoRequest.decode(data));
  }

  private static void refusedMeta(ByteBuffer data) {
    assertThrows(MalformedOptionException.class, () -> MetaContextRequest.decode(data));
  }

  private static ByteBuffer string(ByteBuffer out, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    return out.putInt(bytes.length).put(bytes);
  }
}
