package io.sluice.origin.file;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.linux.BlockSysfs;
import io.sluice.linux.ControlDescriptor;
import io.sluice.linux.FileStatus;
import java.util.Optional;

/**
 * Whether the storage has gone from under its origin. Found out when asked, and true for ever: a
 * file that was cut short and has its length again has other bytes.
 */
final class OriginLoss {
  private final String path;
  private final ControlDescriptor control;
  private final OriginGeometry geometry;

  /** As it was opened. */
  private final FileStatus opened;

  /** Whether the file had a name when it was opened; one that had none has none to lose. */
  private final boolean named;

  private volatile String reason = "";

  /** Whether what is left can be trusted; written before the reason. */
  private volatile boolean readable;

  OriginLoss(String path, ControlDescriptor control, OriginGeometry geometry, FileStatus opened) {
    this.path = path;
    this.control = control;
    this.geometry = geometry;
    this.opened = opened;
    this.named = opened.regular() && !isNameless();
  }

  /** What happened, in a sentence, or empty. */
  synchronized Optional<String> look() {
    if (reason.isEmpty()) {
      String found = find();
      readable = found.isEmpty();
      if (readable && named && isNameless()) {
        found = path + " was deleted";
      }
      reason = found;
    }
    return Optional.of(reason).filter(text -> !text.isEmpty());
  }

  private String find() {
    long sizeBytes;
    try {
      sizeBytes = control.sizeBytes();
    } catch (ErrnoException e) {
      boolean closed = e.errno() == Errno.ESHUTDOWN;
      return closed ? "" : path + " can't be asked for its size any more: " + e.getMessage();
    }
    if (opened.block() && (sizeBytes <= 0 || !BlockSysfs.knows(opened.device()))) {
      return "block device " + path + " is gone";
    }
    geometry.noteSize(sizeBytes);
    return geometry.shrinking().map(how -> path + " was cut short, " + how).orElse("");
  }

  private boolean isNameless() {
    try {
      return control.linkCount() == 0;
    } catch (ErrnoException e) {
      // Closed meanwhile, or /proc is not there: nothing is known, so nothing is said.
      return false;
    }
  }

  /** Refuses what is asked of storage that is gone, once that has been found out. */
  void check(Bio bio) throws ErrnoException {
    if (!reason.isEmpty() && !(readable && bio.op() == BioOp.READ)) {
      throw error(bio.toString());
    }
  }

  /** As {@link #check}, for a question about a range. */
  void checkReadable(String what) throws ErrnoException {
    if (!reason.isEmpty() && !readable) {
      throw error(what);
    }
  }

  private ErrnoException error(String what) {
    return new ErrnoException(Errno.ENODEV, what + " on " + path + ": " + reason);
  }
}
