package io.sluice.shell.wire;

/** What a frame on the control socket means. The code is the byte on the wire. */
public enum FrameType {
  /** Client: what to run. The first frame, and only that. */
  REQUEST(1),
  /** Client: one line typed into the shell, UTF-8. */
  LINE(2),
  /** Client: complete this text, the line up to the cursor, UTF-8. */
  COMPLETE(3),
  /** Client: end what the agent waits for now. */
  INTERRUPT(4),
  /** Agent: bytes for standard output. */
  OUT(16),
  /** Agent: bytes for standard error. */
  ERR(17),
  /** Agent: the exit code, 4 bytes. The last frame. */
  EXIT(18),
  /** Agent: create the file of this path, which the client named in its arguments. */
  FILE(19),
  /** Agent: bytes for that file. */
  FILE_DATA(20),
  /** Agent: the shell is ready for the next line; 4 bytes, the status of the last one. */
  READY(21),
  /** Agent: what the text may be completed to, UTF-8, one to a line. */
  CANDIDATES(22),
  /** Agent: how far long work has come, UTF-8, one line; for a terminal only. */
  PROGRESS(23);

  private final int code;

  FrameType(int code) {
    this.code = code;
  }

  /** The byte on the wire. */
  public int code() {
    return code;
  }

  /** The type of a code, or null if there is none. */
  public static FrameType ofCode(int code) {
    for (FrameType type : values()) {
      if (type.code == code) {
        return type;
      }
    }
    return null;
  }
}
