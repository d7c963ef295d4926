package io.sluice.fuse.tree;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.io.IOException;
import java.util.concurrent.atomic.AtomicReferenceArray;

/** The open files of one mount by their handles. Looking one up takes no lock. Thread-safe. */
public final class OpenFiles {
  /** Files open at the same time. */
  static final int OPEN_MAX = 4096;

  private final AtomicReferenceArray<OpenFile> files = new AtomicReferenceArray<>(OPEN_MAX);
  private int searchFrom;

  /**
   * Remembers an open file.
   *
   * @return its handle
   * @throws ErrnoException EMFILE if too many are open
   */
  public synchronized long add(OpenFile file) throws ErrnoException {
    for (int i = 0; i < OPEN_MAX; i++) {
      int handle = (searchFrom + i) % OPEN_MAX;
      if (files.get(handle) == null) {
        files.set(handle, file);
        file.file().opened();
        searchFrom = handle + 1;
        return handle;
      }
    }
    throw new ErrnoException(
        Errno.EMFILE, "open " + file.file().name() + ": " + OPEN_MAX + " files are open already");
  }

  /** The file of a handle, or null if there is none. */
  public OpenFile get(long handle) {
    return handle >= 0 && handle < OPEN_MAX ? files.get((int) handle) : null;
  }

  /** Lets a file go; a handle without one is ignored. */
  public void release(long handle) {
    OpenFile file = handle >= 0 && handle < OPEN_MAX ? files.getAndSet((int) handle, null) : null;
    if (file != null) {
      file.file().released();
      letGo(file);
    }
  }

  /** Lets all files go, when the mount has ended. */
  public void releaseAll() {
    for (int handle = 0; handle < OPEN_MAX; handle++) {
      release(handle);
    }
  }

  private static void letGo(OpenFile file) {
    try {
      file.hold().close();
    } catch (IOException e) {
      throw new IllegalStateException("hold of " + file.file().name() + ": " + e, e);
    }
  }
}
