package io.sluice.nbd;

import static io.sluice.nbd.codec.NbdProtocol.BASE_ALLOCATION;
import static io.sluice.nbd.codec.NbdProtocol.CMD_DISC;
import static io.sluice.nbd.codec.NbdProtocol.CMD_READ;
import static io.sluice.nbd.codec.NbdProtocol.CMD_WRITE;
import static io.sluice.nbd.codec.NbdProtocol.EXTENDED_REQUEST_MAGIC;
import static io.sluice.nbd.codec.NbdProtocol.IHAVEOPT;
import static io.sluice.nbd.codec.NbdProtocol.OPT_EXTENDED_HEADERS;
import static io.sluice.nbd.codec.NbdProtocol.OPT_GO;
import static io.sluice.nbd.codec.NbdProtocol.OPT_SET_META_CONTEXT;
import static io.sluice.nbd.codec.NbdProtocol.OPT_STRUCTURED_REPLY;
import static io.sluice.nbd.codec.NbdProtocol.REQUEST_MAGIC;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/** Writes what a client says, one call for each thing. Knows nothing of being right. */
public final class Conversation {
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private final DataOutputStream out = new DataOutputStream(bytes);

  /** One thing that is written. */
  private interface Writing {
    void to(DataOutputStream out) throws IOException;
  }

  private Conversation write(Writing writing) {
    try {
      writing.to(out);
      return this;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A client that knows fixed newstyle and takes no zeroes. */
  public static Conversation modern() {
    return new Conversation().number(3);
  }

  /** Agrees on structured replies and allocation status, and enters an export. */
  public static Conversation structured(String export) {
    return modern()
        .option(OPT_STRUCTURED_REPLY, new byte[0])
        .option(OPT_SET_META_CONTEXT, query(export, BASE_ALLOCATION))
        .option(OPT_GO, info(export));
  }

  /** Enters an export without structured replies. */
  public static Conversation simple(String export) {
    return modern().option(OPT_GO, info(export));
  }

  public Conversation number(int value) {
    return write(o -> o.writeInt(value));
  }

  public Conversation raw(byte[] data) {
    return write(o -> o.write(data));
  }

  public Conversation option(int option, byte[] data) {
    return optionHeader(option, data.length).raw(data);
  }

  public Conversation optionHeader(int option, int lengthBytes) {
    return write(
        o -> {
          o.writeLong(IHAVEOPT);
          o.writeInt(option);
          o.writeInt(lengthBytes);
        });
  }

  public Conversation request(int flags, int type, long cookie, long offset, int length) {
    return write(
        o -> {
          o.writeInt(REQUEST_MAGIC);
          o.writeShort(flags);
          o.writeShort(type);
          o.writeLong(cookie);
          o.writeLong(offset);
          o.writeInt(length);
        });
  }

  /** As {@link #request}, with extended headers. */
  public Conversation extended(int flags, int type, long cookie, long offset, long length) {
    return write(
        o -> {
          o.writeInt(EXTENDED_REQUEST_MAGIC);
          o.writeShort(flags);
          o.writeShort(type);
          o.writeLong(cookie);
          o.writeLong(offset);
          o.writeLong(length);
        });
  }

  /** Agrees on extended headers and allocation status, and enters an export. */
  public static Conversation extended(String export) {
    return modern()
        .option(OPT_EXTENDED_HEADERS, new byte[0])
        .option(OPT_SET_META_CONTEXT, query(export, BASE_ALLOCATION))
        .option(OPT_GO, info(export));
  }

  public Conversation read(long cookie, long offset, int length) {
    return request(0, CMD_READ, cookie, offset, length);
  }

  public Conversation write(long cookie, long offset, byte[] data) {
    return request(0, CMD_WRITE, cookie, offset, data.length).raw(data);
  }

  public Conversation disconnect() {
    return request(0, CMD_DISC, 0, 0, 0);
  }

  public byte[] toBytes() {
    return bytes.toByteArray();
  }

  /** The data of INFO and GO. */
  public static byte[] info(String export, int... kinds) {
    Conversation data = new Conversation().text(export);
    data.write(o -> o.writeShort(kinds.length));
    for (int kind : kinds) {
      data.write(o -> o.writeShort(kind));
    }
    return data.toBytes();
  }

  /** The data of LIST_META_CONTEXT and SET_META_CONTEXT. */
  public static byte[] query(String export, String... queries) {
    Conversation data = new Conversation().text(export).number(queries.length);
    for (String query : queries) {
      data.text(query);
    }
    return data.toBytes();
  }

  private Conversation text(String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    return number(utf8.length).raw(utf8);
  }
}
