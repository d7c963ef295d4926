package io.sluice.swap;

/**
 * A swap that was done.
 *
 * @param symbolicName the bundle's
 * @param versionBefore what ran before
 * @param versionNow what runs now
 * @param holdNanos how long bios and other callers were held back, from first to last
 */
public record SwapReport(
    String symbolicName, String versionBefore, String versionNow, long holdNanos) {}
