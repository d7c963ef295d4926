package io.sluice.nbd.session;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.sluice.block.Bio;
import io.sluice.nbd.Conversation;
import io.sluice.nbd.codec.InfoRequest;
import io.sluice.nbd.codec.MalformedOptionException;
import io.sluice.nbd.codec.MetaContextRequest;
import io.sluice.nbd.codec.NbdLimits;
import io.sluice.nbd.codec.NbdProtocol;
import io.sluice.nbd.codec.ProtocolException;
import io.sluice.nbd.codec.ReplyStyle;
import io.sluice.nbd.codec.Request;
import io.sluice.testing.MemoryDevice;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * Bytes that a fuzzer has found interesting, which lie beside in the resources; and with {@code
 * -Pfuzz}, the fuzzer that looks for more. Whatever a client says, its session ends in one of the
 * ways that are meant for it, and gives back what it took; see {@link Talk}.
 */
class SessionFuzzTest {
  private static final int DEVICE_BYTES = 1 << 16;

  /**
   * Empty at the start of each run; kept, so that a fuzzer does not make buffers by the million.
   */
  private static final MemoryDevice DEVICE = new MemoryDevice(DEVICE_BYTES, 512, false);

  private static final Talk TALK = new Talk(DEVICE);

  /** Everything from the client's flags on. */
  @FuzzTest(maxDuration = "120s")
  void options(byte[] said) {
    converse(new Conversation().raw(said));
  }

  /** The first byte chooses how the client has entered; requests follow. */
  @FuzzTest(maxDuration = "120s")
  void requests(byte[] said) {
    if (said.length == 0) {
      return;
    }
    Conversation talk =
        switch (said[0] & 3) {
          case 0 -> Conversation.simple(Talk.EXPORT);
          case 1 -> Conversation.structured(Talk.EXPORT);
          default ->
              Conversation.modern()
                  .option(NbdProtocol.OPT_EXTENDED_HEADERS, new byte[0])
                  .option(
                      NbdProtocol.OPT_SET_META_CONTEXT,
                      Conversation.query(Talk.EXPORT, NbdProtocol.BASE_ALLOCATION))
                  .option(NbdProtocol.OPT_GO, Conversation.info(Talk.EXPORT));
        };
    byte[] rest = new byte[said.length - 1];
    System.arraycopy(said, 1, rest, 0, rest.length);
    converse(talk.raw(rest));
  }

  private static void converse(Conversation said) {
    try {
      DEVICE.submit(new Bio().discard(0, DEVICE_BYTES, 0));
      byte[] unused = TALK.bytes(said.toBytes(), null);
    } catch (ProtocolException | IOException e) {
      // Cut, or the client hung up in the middle: both are ends.
    }
    assertEquals(0, DEVICE.holders.size(), "a hold is left");
  }

  /**
   * The decoders by themselves: what they take they bound, and a request is put down as it came.
   */
  @FuzzTest(maxDuration = "120s")
  void decoders(byte[] data) {
    try {
      InfoRequest info = InfoRequest.decode(ByteBuffer.wrap(data));
      assertTrue(info.kinds().size() <= NbdLimits.INFO_REQUESTS_MAX);
      assertTrue(info.name().length() <= NbdLimits.STRING_MAX_BYTES);
    } catch (MalformedOptionException e) {
      assertTrue(e.getMessage() != null);
    }
    try {
      MetaContextRequest contexts = MetaContextRequest.decode(ByteBuffer.wrap(data));
      assertTrue(contexts.queries().size() <= NbdLimits.META_QUERIES_MAX);
    } catch (MalformedOptionException e) {
      assertTrue(e.getMessage() != null);
    }
    for (ReplyStyle style : ReplyStyle.values()) {
      if (data.length >= style.requestBytes()) {
        roundTrip(data, style);
      }
    }
  }

  private static void roundTrip(byte[] data, ReplyStyle style) {
    ByteBuffer came = ByteBuffer.wrap(data, 0, style.requestBytes());
    try {
      Request request = new Request(style);
      request.decode(came);
      ByteBuffer put = ByteBuffer.allocate(style.requestBytes());
      request.encode(put);
      assertEquals(came.rewind(), put.flip(), request::toString);
    } catch (ProtocolException e) {
      assertTrue(e.getMessage().contains("magic"), e.getMessage());
    }
  }
}
