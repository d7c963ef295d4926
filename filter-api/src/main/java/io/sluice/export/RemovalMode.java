package io.sluice.export;

/** What removing an export does to the clients that are connected. */
public enum RemovalMode {
  /** Nothing: while there are any, it is refused with EBUSY. */
  SAFE,
  /** They stay as long as they like; new ones are refused, and the export goes with the last. */
  HIDE,
  /** What they asked for is finished, then they are told ESHUTDOWN and let go. */
  SOFT,
  /** Their connections are cut at once. */
  HARD
}
