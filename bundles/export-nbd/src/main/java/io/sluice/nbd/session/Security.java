package io.sluice.nbd.session;

import java.io.IOException;
import java.nio.channels.ByteChannel;

/** How a connection becomes a secure one. Used by its session's thread. */
public interface Security {
  /** A connection that stays as it is. */
  Security NONE =
      new Security() {
        @Override
        public boolean isOffered() {
          return false;
        }

        @Override
        public boolean isRequired() {
          return false;
        }

        @Override
        public boolean isRequired(Export export) {
          return false;
        }

        @Override
        public boolean isSecured() {
          return false;
        }

        @Override
        public ByteChannel secure() throws IOException {
          throw new IOException("TLS is not offered here");
        }
      };

  /** Whether a client may begin it. */
  boolean isOffered();

  /** Whether nothing else is talked about before. */
  boolean isRequired();

  /** Whether this export is to be had after it only. */
  boolean isRequired(Export export);

  /** Whether it has been done. */
  boolean isSecured();

  /**
   * Shakes hands with the client, who has been told to begin.
   *
   * @return what is read and written from now on, in place of the plain channel
   * @throws IOException if it fails; the connection can't be used any more then
   */
  ByteChannel secure() throws IOException;
}
