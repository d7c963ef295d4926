package io.sluice.nbd.codec;

/** How much of anything one client may ask for, so that nothing it sends sizes memory or a loop. */
public final class NbdLimits {
  /** The longest string the specification allows: export names, queries, error texts. */
  public static final int STRING_MAX_BYTES = 4096;

  /** Data of one option that are looked at; more is skipped and answered with TOO_BIG. */
  public static final int OPTION_DATA_MAX_BYTES = 16 << 10;

  /** Data of one option that are skipped; more ends the connection. */
  public static final int OPTION_SKIP_MAX_BYTES = 32 << 20;

  /** Options of one connection; {@code qemu-nbd -L} sends three for each export. */
  public static final int OPTIONS_MAX = 16384;

  /** Context queries in one option. */
  public static final int META_QUERIES_MAX = 256;

  /** Kinds of information that one INFO or GO may name. */
  public static final int INFO_REQUESTS_MAX = 256;

  /** The largest READ and WRITE that are served: what clients assume when nobody told them. */
  public static final int PAYLOAD_MAX_BYTES = 32 << 20;

  /** The largest WRITE payload that is read to answer EINVAL; a larger one ends the connection. */
  public static final int PAYLOAD_DRAIN_MAX_BYTES = 64 << 20;

  /** Contexts of one export. */
  public static final int CONTEXTS_MAX = 16;

  /** Extents of all contexts in one answer to BLOCK_STATUS; the client asks again for the rest. */
  public static final int EXTENTS_PER_REPLY_MAX = 16384;

  /** Characters of an error text; a character takes at most three bytes, so it fits the wire. */
  public static final int ERROR_TEXT_MAX_CHARS = 1000;

  /** What any error reply takes at most, headers included. */
  public static final int ERROR_REPLY_MAX_BYTES = 4096;

  private NbdLimits() {}
}
