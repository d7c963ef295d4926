package io.sluice.nbd.session;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.export.RateLimit;
import io.sluice.nbd.codec.NbdProtocol;
import io.sluice.nbd.codec.ProtocolException;
import io.sluice.nbd.codec.ReplyStyle;
import io.sluice.nbd.codec.Request;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

/** Turns, on a clock that is moved by hand. */
class ThrottleTest {
  private static final long SECOND = 1_000_000_000;

  private long nowNanos = -5;

  private static Request request(int type, int lengthBytes) throws ProtocolException {
    ByteBuffer bytes =
        ByteBuffer.allocate(28)
            .putInt(NbdProtocol.REQUEST_MAGIC)
            .putShort((short) 0)
            .putShort((short) type)
            .putLong(1)
            .putLong(0)
            .putInt(lengthBytes)
            .flip();
    Request request = new Request(ReplyStyle.SIMPLE);
    request.decode(bytes);
    return request;
  }

  private Throttle throttle(long bytesPerSecond, long operationsPerSecond) {
    return new Throttle(new RateLimit(bytesPerSecond, operationsPerSecond), () -> nowNanos);
  }

  @Test
  void operationsHaveTheirTurnOneAfterTheOther() throws Exception {
    Throttle throttle = throttle(0, 100);
    Request read = request(NbdProtocol.CMD_READ, 512);
    assertEquals(0, throttle.takeTurn(read));
    assertEquals(SECOND / 100, throttle.takeTurn(read));
    assertEquals(2 * SECOND / 100, throttle.takeTurn(read));
    nowNanos += SECOND / 100;
    assertEquals(2 * SECOND / 100, throttle.takeTurn(request(NbdProtocol.CMD_FLUSH, 0)));
  }

  @Test
  void anIdleExportSavesUpABurstAndNoMore() throws Exception {
    Throttle throttle = throttle(0, 1000);
    Request read = request(NbdProtocol.CMD_READ, 512);
    nowNanos += 60 * SECOND;
    int atOnce = 0;
    while (throttle.takeTurn(read) == 0) {
      atOnce++;
    }
    // A tenth of a second's, and the one that every moment allows.
    assertEquals(101, atOnce);
  }

  @Test
  void bytesCountWhereDataMove() throws Exception {
    Throttle throttle = throttle(1 << 20, 0);
    assertEquals(0, throttle.takeTurn(request(NbdProtocol.CMD_READ, 32 << 20)), "passes at once");
    assertEquals(32 * SECOND, throttle.takeTurn(request(NbdProtocol.CMD_WRITE, 1 << 20)));
    assertEquals(33 * SECOND, throttle.takeTurn(request(NbdProtocol.CMD_CACHE, -1)));
    assertEquals(0, throttle.takeTurn(request(NbdProtocol.CMD_TRIM, 1 << 30)));
    assertEquals(0, throttle.takeTurn(request(NbdProtocol.CMD_WRITE_ZEROES, 1 << 30)));
    // A cache request reads its first 32 MiB.
    assertEquals(65 * SECOND, throttle.takeTurn(request(NbdProtocol.CMD_READ, 1)));
  }

  @Test
  void whoIsStricterDecides() throws Exception {
    Throttle throttle = throttle(1 << 20, 10);
    assertEquals(0, throttle.takeTurn(request(NbdProtocol.CMD_READ, 1 << 20)));
    assertEquals(SECOND, throttle.takeTurn(request(NbdProtocol.CMD_READ, 512)), "the bytes");
    Throttle other = throttle(1L << 40, 10);
    assertEquals(0, other.takeTurn(request(NbdProtocol.CMD_READ, 1 << 20)));
    assertEquals(SECOND / 10, other.takeTurn(request(NbdProtocol.CMD_READ, 512)), "the operations");
  }

  @Test
  void aTurnThatIsGivenBackIsTheNextOnes() throws Exception {
    Throttle throttle = throttle(1 << 20, 10);
    Request large = request(NbdProtocol.CMD_READ, 1 << 20);
    assertEquals(0, throttle.takeTurn(large));
    assertEquals(SECOND, throttle.takeTurn(large));
    throttle.giveTurn(large, throttle.limit());
    assertEquals(SECOND, throttle.takeTurn(large));
    RateLimit earlier = throttle.limit();
    throttle.set(new RateLimit(2 << 20, 0));
    throttle.giveTurn(large, earlier);
    assertEquals(0, throttle.takeTurn(large));
    assertEquals(SECOND / 2, throttle.takeTurn(large), "nothing is given back to another limit");
  }

  @Test
  void withoutALimitNobodyAsks() {
    assertFalse(throttle(0, 0).limited());
    assertTrue(throttle(0, 1).limited());
    assertTrue(throttle(1, 0).limited());
  }
}
