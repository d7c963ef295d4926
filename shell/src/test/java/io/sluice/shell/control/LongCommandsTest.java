package io.sluice.shell.control;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.shell.Output;
import io.sluice.shell.wire.Frame;
import io.sluice.shell.wire.FrameChannel;
import io.sluice.shell.wire.FrameType;
import java.nio.channels.SocketChannel;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Commands that take their time, and clients that do not wait for their end. */
class LongCommandsTest extends SocketFixture {
  @Test
  void aWaitEndsWhenItsClientGoesAway() throws Exception {
    sluice("device", "add", "disk", "disk.img");
    sluice("snapshot", "take", "disk", "--store", "dir:.", "--name", "n");
    try (SocketChannel channel = connect()) {
      new FrameChannel(channel).write(request("snapshot", "wait-event", "n"));
      assertTrue(agent.snapshots.waiting.await(30, TimeUnit.SECONDS), "the wait has begun");
    }
    assertTrue(agent.snapshots.interrupted.await(30, TimeUnit.SECONDS), "the wait has ended");
    assertEquals(0, sluice("device", "list"));
  }

  @Test
  void progressIsShownOnATerminalAndErased() {
    sluice("device", "add", "disk", "disk.img");
    sluice("snapshot", "take", "disk", "--store", "dir:.", "--name", "n");
    assertEquals(0, sluice("store", "move", "n", "dir:other"), () -> output.error());
    assertEquals("", output.error(), "no terminal");
    errIsTerminal = true;
    assertEquals(0, sluice("store", "move", "n", "dir:other"));
    String erase = "\r\u001b[K";
    assertTrue(output.error().startsWith(erase + "moved 4K of 16K, 25%"), output.error());
    assertTrue(output.error().endsWith(erase), output.error());
    assertEquals("", output.text());
  }

  @Test
  void aMoveIsGivenUpWhenItsClientGoesAway() throws Exception {
    sluice("device", "add", "disk", "disk.img");
    sluice("snapshot", "take", "disk", "--store", "dir:.", "--name", "n");
    agent.snapshots.moveIsEndless = true;
    try (SocketChannel channel = connect()) {
      new FrameChannel(channel).write(request("store", "move", "n", "dir:other"));
      assertTrue(agent.snapshots.moving.await(30, TimeUnit.SECONDS), "the move has begun");
    }
    assertTrue(agent.snapshots.givenUp.await(30, TimeUnit.SECONDS), "the move was given up");
    assertEquals(0, sluice("device", "list"));
  }

  @Test
  void aMoveIsGivenUpByAnInterruptAndSaysSo() throws Exception {
    sluice("device", "add", "disk", "disk.img");
    sluice("snapshot", "take", "disk", "--store", "dir:.", "--name", "n");
    agent.snapshots.moveIsEndless = true;
    try (SocketChannel channel = connect()) {
      FrameChannel frames = new FrameChannel(channel);
      frames.write(request("store", "move", "n", "dir:other"));
      assertTrue(agent.snapshots.moving.await(30, TimeUnit.SECONDS), "the move has begun");
      frames.write(FrameType.INTERRUPT, "");
      Frame frame;
      do {
        frame = frames.read(FrameChannel.OUTPUT_BYTES_MAX);
      } while (frame.type() == FrameType.PROGRESS);
      assertEquals(FrameType.ERR, frame.type());
      assertTrue(frame.text().startsWith("sluice: store move: ECANCELED: "), frame.text());
      assertEquals(1, frames.read(FrameChannel.OUTPUT_BYTES_MAX).number());
    }
  }

  @Test
  void aWaitEndsWhenTheSocketIsClosed() throws Exception {
    sluice("device", "add", "disk", "disk.img");
    sluice("snapshot", "take", "disk", "--store", "dir:.", "--name", "n");
    Output to = new Output();
    CompletableFuture<Integer> waiter =
        CompletableFuture.supplyAsync(() -> client(to).run(List.of("snapshot", "wait-event", "n")));
    assertTrue(agent.snapshots.waiting.await(30, TimeUnit.SECONDS), "the wait has begun");
    socket.close();
    assertEquals(1, waiter.get(30, TimeUnit.SECONDS));
    assertTrue(to.error().startsWith("sluice: snapshot wait-event: EINTR: "), to.error());
  }
}
