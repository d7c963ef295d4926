package io.sluice.nbd.session;

import java.io.IOException;
import java.nio.ByteBuffer;

/** Where replies are put. */
interface ReplySink {
  /**
   * The buffer to put the next reply into, at its position.
   *
   * @param bytes the room that is there at least, once earlier replies have been sent if need be
   */
  ByteBuffer reserve(int bytes) throws IOException;
}
