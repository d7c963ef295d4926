package io.sluice.nbd.codec;

/** What requests and replies of a connection look like, as it was agreed. */
public enum ReplyStyle {
  /** Each reply has one header, and a read's data follow. */
  SIMPLE(28, 0),
  /** A read's reply comes in chunks, and errors have a text. */
  STRUCTURED(28, 20),
  /** Requests and chunks have lengths of 64 bits, and all replies are chunks. */
  EXTENDED(32, 32);

  private final int requestBytes;
  private final int chunkHeaderBytes;

  ReplyStyle(int requestBytes, int chunkHeaderBytes) {
    this.requestBytes = requestBytes;
    this.chunkHeaderBytes = chunkHeaderBytes;
  }

  /** A request's length, without its payload. */
  public int requestBytes() {
    return requestBytes;
  }

  /** Whether replies may have chunks. */
  public boolean chunks() {
    return this != SIMPLE;
  }

  /** A chunk's header. */
  public int chunkHeaderBytes() {
    return chunkHeaderBytes;
  }

  /** What precedes a read's data. */
  public int dataHeaderBytes() {
    return chunks() ? chunkHeaderBytes + 8 : NbdProtocol.SIMPLE_REPLY_BYTES;
  }

  /** A whole chunk that stands for zeroes. */
  public int holeChunkBytes() {
    return chunkHeaderBytes + 8 + 4;
  }

  /** What says that all is done. */
  public int doneBytes() {
    return this == EXTENDED ? chunkHeaderBytes : NbdProtocol.SIMPLE_REPLY_BYTES;
  }
}
