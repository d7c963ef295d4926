package io.sluice.nbd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.nbd.codec.NbdProtocol;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads what a server said, and fails on anything that no NBD server may say. */
public final class Answers {
  /**
   * A reply to an option.
   *
   * @param type REP_ACK and so on
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared as a whole
  public record OptionReply(int option, int type, byte[] data) {
    public String text() {
      return new String(data, StandardCharsets.UTF_8);
    }
  }

  /** One part of a block status. */
  public record Extent(long lengthBytes, int state) {}

  /** Zeroes that were not sent. */
  public record Hole(long offsetBytes, long lengthBytes) {}

  /**
   * A whole reply of the transmission phase.
   *
   * @param error 0 or the protocol's number
   * @param text why, in structured replies
   * @param data what was read
   * @param chunkCount how many chunks of data it took
   * @param extents of a block status, of the context with id 1
   * @param contexts of a block status: each chunk's extents by its context's id, in order
   * @param holes of a read
   * @param requestOffset what an extended reply repeats; -1 in others
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared as a whole
  public record Reply(
      long cookie,
      int error,
      String text,
      byte[] data,
      int chunkCount,
      List<Extent> extents,
      Map<Integer, List<Extent>> contexts,
      List<Hole> holes,
      long requestOffset) {}

  private final ByteBuffer in;

  public Answers(byte[] bytes) {
    in = ByteBuffer.wrap(bytes);
    assertEquals(NbdProtocol.NBDMAGIC, in.getLong());
    assertEquals(NbdProtocol.IHAVEOPT, in.getLong());
    assertEquals(3, in.getShort());
  }

  public boolean hasMore() {
    return in.hasRemaining();
  }

  public ByteBuffer rest() {
    return in;
  }

  public OptionReply option() {
    assertEquals(0x3e889045565a9L, in.getLong(), "option reply magic");
    int option = in.getInt();
    int type = in.getInt();
    byte[] data = new byte[in.getInt()];
    in.get(data);
    return new OptionReply(option, type, data);
  }

  /** Replies up to and with the acknowledgement or the error. */
  public List<OptionReply> options() {
    List<OptionReply> replies = new ArrayList<>();
    do {
      replies.add(option());
    } while (last(replies).type() != NbdProtocol.REP_ACK && last(replies).type() > 0);
    return replies;
  }

  /** Skips the acknowledged options of {@link Conversation#structured}. */
  public Answers pastStructured() {
    for (int i = 0; i < 3; i++) {
      assertEquals(NbdProtocol.REP_ACK, last(options()).type());
    }
    return this;
  }

  /** Skips the acknowledged GO of {@link Conversation#simple}. */
  public Answers pastSimple() {
    assertEquals(NbdProtocol.REP_ACK, last(options()).type());
    return this;
  }

  public static OptionReply last(List<OptionReply> replies) {
    return replies.get(replies.size() - 1);
  }

  /**
   * The next reply, of one or several chunks that follow one another.
   *
   * @param readLength bytes of data of a simple reply without error
   */
  public Reply reply(int readLength) {
    int magic = in.getInt();
    if (magic == NbdProtocol.SIMPLE_REPLY_MAGIC) {
      int error = in.getInt();
      long cookie = in.getLong();
      byte[] data = new byte[error == 0 ? readLength : 0];
      in.get(data);
      return new Reply(cookie, error, "", data, 0, List.of(), Map.of(), List.of(), -1);
    }
    if (magic == NbdProtocol.EXTENDED_REPLY_MAGIC) {
      return chunks(readLength, true);
    }
    assertEquals(NbdProtocol.STRUCTURED_REPLY_MAGIC, magic, "reply magic");
    return chunks(readLength, false);
  }

  /** Whether the next reply is a structured one. */
  public boolean nextIsStructured() {
    return in.getInt(in.position()) == NbdProtocol.STRUCTURED_REPLY_MAGIC;
  }

  private Reply chunks(int readLength, boolean extended) {
    byte[] data = new byte[readLength];
    Map<Integer, List<Extent>> contexts = new LinkedHashMap<>();
    int error = 0;
    String text = "";
    List<Hole> holes = new ArrayList<>();
    int chunkCount = 0;
    long firstOffset = -1;
    while (true) {
      int flags = in.getShort();
      int type = Short.toUnsignedInt(in.getShort());
      long cookie = in.getLong();
      long requestOffset = extended ? in.getLong() : -1;
      int length = extended ? (int) in.getLong() : in.getInt();
      int end = in.position() + length;
      switch (type) {
        case NbdProtocol.REPLY_TYPE_NONE -> assertEquals(1, flags, "NONE comes last");
        case NbdProtocol.REPLY_TYPE_OFFSET_DATA -> {
          long offset = in.getLong();
          firstOffset = chunkCount++ + holes.size() == 0 ? offset : firstOffset;
          in.get(data, (int) (offset - firstOffset), length - 8);
        }
        case NbdProtocol.REPLY_TYPE_OFFSET_HOLE -> {
          long offset = in.getLong();
          firstOffset = chunkCount + holes.size() == 0 ? offset : firstOffset;
          holes.add(new Hole(offset, Integer.toUnsignedLong(in.getInt())));
        }
        case NbdProtocol.REPLY_TYPE_BLOCK_STATUS -> {
          List<Extent> extents = chunkOf(contexts, in.getInt());
          while (in.position() < end) {
            extents.add(new Extent(Integer.toUnsignedLong(in.getInt()), in.getInt()));
          }
        }
        case NbdProtocol.REPLY_TYPE_BLOCK_STATUS_EXT -> {
          assertTrue(extended);
          List<Extent> extents = chunkOf(contexts, in.getInt());
          assertEquals((end - in.position() - 4) / 16, in.getInt(), "extents");
          while (in.position() < end) {
            extents.add(new Extent(in.getLong(), (int) in.getLong()));
          }
        }
        case NbdProtocol.REPLY_TYPE_ERROR -> {
          error = in.getInt();
          byte[] message = new byte[in.getShort()];
          in.get(message);
          text = new String(message, StandardCharsets.UTF_8);
        }
        default -> throw new AssertionError("chunk type " + type);
      }
      assertEquals(end, in.position(), "chunk length");
      if ((flags & 1) != 0) {
        List<Extent> first = contexts.getOrDefault(1, List.of());
        return new Reply(
            cookie, error, text, data, chunkCount, first, contexts, holes, requestOffset);
      }
      int magic = extended ? NbdProtocol.EXTENDED_REPLY_MAGIC : NbdProtocol.STRUCTURED_REPLY_MAGIC;
      assertEquals(magic, in.getInt(), "chunk magic");
    }
  }

  private static List<Extent> chunkOf(Map<Integer, List<Extent>> contexts, int id) {
    List<Extent> extents = new ArrayList<>();
    assertNull(contexts.put(id, extents), "two chunks of context " + id);
    return extents;
  }

  /** The next reply is an error, and names this. */
  public void expectError(long cookie, int error, String part) {
    Reply reply = reply(0);
    assertEquals(cookie, reply.cookie());
    assertEquals(error, reply.error(), reply.text());
    assertTrue(reply.text().contains(part), reply.text());
  }

  /** The next reply says done. */
  public void expectDone(long cookie) {
    Reply reply = reply(0);
    assertEquals(0, reply.error(), reply.text());
    assertEquals(cookie, reply.cookie());
  }
}
