package io.sluice.blksnap.cow;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * One bit for each chunk: whether its data as of the take are kept elsewhere than in the origin.
 * Bits are only ever set. Sixty-four chunks share a word; words come in pages that are made when
 * first needed, so an untouched terabyte costs nothing.
 *
 * <p>Reading is one volatile load and takes no lock. A bit is set after the chunk's data are in
 * place and before the origin's may change, so whoever sees it finds the data, and whoever reads
 * the origin and does not see it afterwards has read the old data.
 */
final class SavedBits {
  /** Chunks that share a word, log2. */
  static final int WORD_SHIFT = 6;

  private static final int PAGE_SHIFT = 9;
  private static final int PAGE_MASK = (1 << PAGE_SHIFT) - 1;
  private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);

  private final AtomicReferenceArray<long[]> pages;

  /**
   * @param chunkCount up to 2^28
   */
  SavedBits(long chunkCount) {
    long wordCount = (chunkCount + 63) >>> WORD_SHIFT;
    pages = new AtomicReferenceArray<>((int) ((wordCount + PAGE_MASK) >>> PAGE_SHIFT));
  }

  /** The 64 bits of a word; none beyond the last chunk. */
  long word(int wordIndex) {
    int pageIndex = wordIndex >>> PAGE_SHIFT;
    if (pageIndex >= pages.length()) {
      return 0;
    }
    long[] page = pages.get(pageIndex);
    return page == null ? 0 : (long) WORD.getVolatile(page, wordIndex & PAGE_MASK);
  }

  /** Whether one chunk is saved. */
  boolean isSaved(long chunk) {
    return ((word((int) (chunk >>> WORD_SHIFT)) >>> chunk) & 1) != 0;
  }

  /** Sets bits of a word. */
  void set(int wordIndex, long bits) {
    int pageIndex = wordIndex >>> PAGE_SHIFT;
    long[] page = pages.get(pageIndex);
    if (page == null) {
      long[] fresh = new long[PAGE_MASK + 1];
      page = pages.compareAndExchange(pageIndex, null, fresh);
      if (page == null) {
        page = fresh;
      }
    }
    long unused = (long) WORD.getAndBitwiseOr(page, wordIndex & PAGE_MASK, bits);
  }

  /** Bits {@code from} to {@code to} inclusive, both 0 to 63. */
  static long mask(int from, int to) {
    return (-1L >>> (63 - to)) & (-1L << from);
  }
}
