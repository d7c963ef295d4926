package io.sluice.filter;

/** What becomes of a device whose filter is at fault (it threw what it may not throw). */
public enum OnError {
  /** The bio fails with EIO, and so does each later one, until the filter is detached. */
  FAIL,
  /** The bio and each later one go past the filter, which sees nothing more. */
  BYPASS
}
