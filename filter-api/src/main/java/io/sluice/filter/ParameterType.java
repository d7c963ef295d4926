package io.sluice.filter;

/** What a value may look like, for help, completion and checks. */
public enum ParameterType {
  /** Bytes: digits, with K, M, G or T (1024) in either case. */
  SIZE,
  /** A whole number from 0. */
  COUNT,
  /** A decimal number from 0, such as {@code 0.25}. */
  NUMBER,
  /** A time: digits with {@code us}, {@code ms}, {@code s} or {@code m}. */
  DURATION,
  /** {@code on} or {@code off}. */
  FLAG,
  /** Any text. */
  TEXT
}
