package io.sluice.shell.command;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.shell.Output;
import io.sluice.shell.tool.ClientLink;
import io.sluice.shell.tool.Session;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class StoreProgressTest {
  private final List<String> told = new ArrayList<>();
  private final Output output = new Output();
  private long nanos;

  /** A client that takes progress, until it has gone. */
  private final class Client implements ClientLink {
    boolean isGone;

    @Override
    public void sendProgress(String text) throws IOException {
      if (isGone) {
        throw new IOException("the client has gone");
      }
      told.add(text);
    }

    @Override
    public OutputStream openFile(String path) {
      throw new UnsupportedOperationException();
    }

    @Override
    public Message nextMessage() {
      throw new UnsupportedOperationException();
    }

    @Override
    public void sendReady(int status) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void sendCandidates(List<String> candidates) {
      throw new UnsupportedOperationException();
    }
  }

  private Session session(ClientLink link) {
    return new Session(Path.of("/"), 0, output.out, output.err, link);
  }

  private StoreCommands.Progress progress(Session session) {
    session.beginWork();
    return new StoreCommands.Progress(session, () -> nanos);
  }

  @Test
  void isToldAtOnceAndThenFiveTimesASecond() {
    StoreCommands.Progress progress = progress(session(new Client()));
    for (int i = 0; i <= 1000; i++) {
      assertTrue(progress.moved((long) i << 20, 1000L << 20));
      nanos += Duration.ofMillis(1).toNanos();
    }
    assertEquals(
        List.of(
            "moved 0 of 1000M, 0%",
            "moved 200M of 1000M, 20%",
            "moved 400M of 1000M, 40%",
            "moved 600M of 1000M, 60%",
            "moved 800M of 1000M, 80%",
            "moved 1000M of 1000M, 100%"),
        told);
  }

  @Test
  void nothingToMoveIsDone() {
    assertTrue(progress(session(new Client())).moved(0, 0));
    assertEquals(List.of("moved 0 of 0, 100%"), told);
  }

  @Test
  void interruptEndsTheWorkOfTheMomentOnly() {
    Session session = session(new Client());
    StoreCommands.Progress progress = progress(session);
    session.interrupt();
    assertFalse(progress.moved(1, 2));
    assertFalse(Thread.interrupted(), "the thread works on files and must not be interrupted");
    assertTrue(progress(session).moved(1, 2), "the next command is another");
  }

  @Test
  void clientThatGoesEndsTheWork() {
    Client client = new Client();
    Session session = session(client);
    StoreCommands.Progress progress = progress(session);
    assertTrue(progress.moved(1, 2));
    client.isGone = true;
    nanos += Duration.ofSeconds(1).toNanos();
    assertFalse(progress.moved(1, 2), "found out when it was told");
    session.beginWork();
    assertFalse(session.goesOn(), "gone is gone");
  }

  @Test
  void callerWithoutAClientIsNotTold() {
    assertTrue(progress(session(null)).moved(1, 2));
    assertEquals(List.of(), told);
  }
}
