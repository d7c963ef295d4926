package io.sluice.nbd;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.ClosedChannelException;
import java.util.Random;

/** A client whose whole part is known beforehand; it hears the answers and then hangs up. */
public final class ScriptedChannel implements ByteChannel {
  private final ByteBuffer said;
  private final Random pieces;
  private final ByteArrayOutputStream heard = new ByteArrayOutputStream();
  private volatile boolean closed;

  /** All that is said can be read at once. */
  public ScriptedChannel(byte[] said) {
    this(said, null);
  }

  /** What is said comes in pieces of random length, and answers leave in such. */
  public ScriptedChannel(byte[] said, Random pieces) {
    this.said = ByteBuffer.wrap(said);
    this.pieces = pieces;
  }

  public synchronized byte[] heard() {
    return heard.toByteArray();
  }

  @Override
  public int read(ByteBuffer target) throws ClosedChannelException {
    checkOpen();
    if (!said.hasRemaining()) {
      return -1;
    }
    int count = piece(Math.min(said.remaining(), target.remaining()));
    target.put(said.slice(said.position(), count));
    said.position(said.position() + count);
    return count;
  }

  @Override
  public synchronized int write(ByteBuffer source) throws ClosedChannelException {
    checkOpen();
    byte[] some = new byte[piece(source.remaining())];
    source.get(some);
    heard.writeBytes(some);
    return some.length;
  }

  private int piece(int most) {
    return pieces == null || most < 2 ? most : 1 + pieces.nextInt(most);
  }

  private void checkOpen() throws ClosedChannelException {
    if (closed) {
      throw new ClosedChannelException();
    }
  }

  @Override
  public boolean isOpen() {
    return !closed;
  }

  @Override
  public void close() {
    closed = true;
  }
}
