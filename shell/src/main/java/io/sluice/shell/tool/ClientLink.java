package io.sluice.shell.tool;

import java.io.IOException;
import java.io.OutputStream;
import java.util.List;

/** What a session can ask of the client at the other end, beyond taking its output. */
public interface ClientLink {
  /**
   * Opens a file on the client's side, with the client's rights, replacing what is there.
   *
   * @param path as it stands in the client's arguments
   */
  OutputStream openFile(String path) throws IOException;

  /**
   * Waits for the next message of a shell's client.
   *
   * @return null if the client has gone
   */
  Message nextMessage() throws IOException;

  /** Tells a shell's client that the next line may come; {@code status} is the last one's. */
  void sendReady(int status) throws IOException;

  /** Answers {@link Message#complete()}. */
  void sendCandidates(List<String> candidates) throws IOException;

  /**
   * Tells how far long work has come, on one line, for a client with a terminal.
   *
   * @throws IOException if the client has gone
   */
  void sendProgress(String text) throws IOException;

  /**
   * What a shell's client sends.
   *
   * @param complete whether to complete the text, rather than to run it
   * @param text the line, or the part of it before the cursor
   */
  record Message(boolean complete, String text) {}
}
