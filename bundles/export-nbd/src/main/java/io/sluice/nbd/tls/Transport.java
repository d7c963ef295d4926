package io.sluice.nbd.tls;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;

/**
 * What lies under a secure channel. A read waits for some bytes, and returns 0 if it is not to wait
 * any more; a write waits for room.
 */
public interface Transport extends ByteChannel {
  /** Writes what there is room for now, maybe nothing. */
  int writeNow(ByteBuffer source) throws IOException;
}
