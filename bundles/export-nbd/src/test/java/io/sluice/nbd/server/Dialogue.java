package io.sluice.nbd.server;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.sluice.nbd.Conversation;
import io.sluice.nbd.codec.NbdProtocol;
import java.io.DataInputStream;
import java.io.IOException;
import java.net.SocketAddress;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;

/**
 * A client that takes answers as they come, over a real socket. Fails on what no server may say.
 */
final class Dialogue implements AutoCloseable {
  /** An answer without chunks. {@code data} are the payloads of all its chunks but errors. */
  @SuppressWarnings("ArrayRecordComponent") // never compared as a whole
  record Answer(long cookie, int error, byte[] data) {}

  final SocketChannel channel;
  private final DataInputStream in;

  /** The request's offset, as the last extended answer repeats it. */
  long lastOffset;

  Dialogue(SocketAddress server) throws IOException {
    channel = SocketChannel.open(server);
    in = new DataInputStream(new java.io.BufferedInputStream(Channels.newInputStream(channel)));
  }

  /** Takes the greeting, agrees and enters an export. */
  Dialogue enter(String export, boolean structured) throws IOException {
    say(structured ? Conversation.structured(export) : Conversation.simple(export));
    return entered(structured);
  }

  /** Takes the answers to a handshake that was said. */
  Dialogue entered(boolean structured) throws IOException {
    greeted();
    for (int i = 0; i < (structured ? 3 : 1); i++) {
      int type;
      do {
        type = option();
      } while (type != NbdProtocol.REP_ACK && type > 0);
      if (type == NbdProtocol.REP_ERR_SHUTDOWN) {
        throw new IOException("the server lets nobody in at the moment");
      }
      assertEquals(NbdProtocol.REP_ACK, type);
    }
    return this;
  }

  /** Takes the greeting. */
  void greeted() throws IOException {
    assertEquals(NbdProtocol.NBDMAGIC, in.readLong());
    in.skipNBytes(10);
  }

  /** The type of the next reply to an option. */
  int option() throws IOException {
    assertEquals(NbdProtocol.OPTION_REPLY_MAGIC, in.readLong());
    in.readInt();
    int type = in.readInt();
    in.skipNBytes(in.readInt());
    return type;
  }

  void say(Conversation said) throws IOException {
    say(said.toBytes());
  }

  void say(byte[] said) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(said);
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  /**
   * The next whole answer.
   *
   * @param bytes how much is read by a simple one of that cookie
   */
  Answer answer(java.util.function.LongToIntFunction bytes) throws IOException {
    int magic = in.readInt();
    if (magic == NbdProtocol.SIMPLE_REPLY_MAGIC) {
      int error = in.readInt();
      long cookie = in.readLong();
      return new Answer(cookie, error, in.readNBytes(error == 0 ? bytes.applyAsInt(cookie) : 0));
    }
    return chunks(magic);
  }

  private Answer chunks(int magic) throws IOException {
    boolean extended = magic == NbdProtocol.EXTENDED_REPLY_MAGIC;
    assertEquals(
        extended ? NbdProtocol.EXTENDED_REPLY_MAGIC : NbdProtocol.STRUCTURED_REPLY_MAGIC, magic);
    java.io.ByteArrayOutputStream data = new java.io.ByteArrayOutputStream();
    int error = 0;
    while (true) {
      int flags = in.readUnsignedShort();
      int type = in.readUnsignedShort();
      long cookie = in.readLong();
      if (extended) {
        lastOffset = in.readLong();
      }
      int length = extended ? (int) in.readLong() : in.readInt();
      ByteBuffer payload = ByteBuffer.wrap(in.readNBytes(length));
      if (type == NbdProtocol.REPLY_TYPE_ERROR) {
        error = payload.getInt();
      } else if (payload.hasRemaining()) {
        int head = type == NbdProtocol.REPLY_TYPE_OFFSET_DATA ? 8 : 4;
        data.write(payload.array(), head, payload.remaining() - head);
      }
      if ((flags & NbdProtocol.REPLY_FLAG_DONE) != 0) {
        return new Answer(cookie, error, data.toByteArray());
      }
      assertEquals(magic, in.readInt());
    }
  }

  /** Whether the server has hung up with nothing more to say. */
  boolean ended() throws IOException {
    return in.read() < 0;
  }

  /** Whether the server has hung up, be it over what this client had still to say. */
  boolean cutOff() throws IOException {
    try {
      return ended();
    } catch (SocketException reset) {
      return true;
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
