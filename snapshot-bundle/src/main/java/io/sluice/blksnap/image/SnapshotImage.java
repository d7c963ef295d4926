package io.sluice.blksnap.image;

import io.sluice.blksnap.cow.CowView;
import io.sluice.blksnap.diff.DiffSpace;
import io.sluice.blksnap.tracking.ChangeTracker;
import io.sluice.blksnap.tracking.TakenMap;
import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import java.util.EnumSet;

/**
 * One device's view of a snapshot: as long as the device was at the take, readable and writable.
 * What is written here is seen here alone; the tracker marks it in all maps, as blksnap does,
 * because a restore from this image would differ from the device there.
 *
 * <p>A flush has nothing to do: a snapshot does not outlive the agent. A discard reads as zeroes
 * afterwards.
 */
public final class SnapshotImage implements BlockDevice {
  private final String name;
  private final DeviceGeometry geometry;
  private final DiffSpace space;
  private final CowView view;
  private final BlockDevice lower;
  private final ChangeTracker tracker;
  private final TakenMap map;
  private volatile boolean closed;

  /**
   * @param name the image's, for messages
   * @param live the live device's geometry at the take
   * @param view the bytes
   * @param space the snapshot's, which closes no sooner than the last call returns
   * @param lower the chain below the filter
   * @param tracker told of what is written here
   * @param map the change map of the take
   */
  public SnapshotImage(
      String name,
      DeviceGeometry live,
      CowView view,
      DiffSpace space,
      BlockDevice lower,
      ChangeTracker tracker,
      TakenMap map) {
    this.name = name;
    this.geometry =
        new DeviceGeometry(
            live.sizeBytes(),
            live.blockSizeBytes(),
            live.preferredSizeBytes(),
            false,
            live.rotational(),
            EnumSet.allOf(BioOp.class));
    this.space = space;
    this.view = view;
    this.lower = lower;
    this.tracker = tracker;
    this.map = map;
  }

  /** The change map of the take. */
  public TakenMap map() {
    return map;
  }

  @Override
  public DeviceGeometry geometry() {
    return geometry;
  }

  @Override
  public boolean mayBlock() {
    return lower.mayBlock();
  }

  @Override
  public void submit(Bio bio) throws ErrnoException {
    enter(bio.op().toString());
    try {
      geometry.check(bio, name);
      switch (bio.op()) {
        case READ -> view.read(bio.offsetBytes(), bio.data(), lower);
        case WRITE, WRITE_ZEROES, DISCARD -> {
          tracker.markAll(bio.offsetBytes(), bio.lengthBytes());
          view.write(bio.offsetBytes(), bio.lengthBytes(), bio.data(), lower);
        }
        case FLUSH -> {}
      }
      // Destroyed meanwhile: copies to the origin's chunks have stopped, so what was read may be
      // new.
      checkOpen(bio.op().toString());
    } finally {
      space.leave();
    }
  }

  @Override
  public void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor)
      throws ErrnoException {
    ask(
        "block status",
        offsetBytes,
        lengthBytes,
        () -> view.status(offsetBytes, lengthBytes, visitor, lower));
  }

  /** How deep the bytes lie, as {@link io.sluice.block.DeviceMap#DEPTH} has it. */
  public void depth(long offsetBytes, long lengthBytes, ExtentVisitor visitor)
      throws ErrnoException {
    ask(
        "depth",
        offsetBytes,
        lengthBytes,
        () -> view.depth(offsetBytes, lengthBytes, visitor, lower));
  }

  /** What has changed since an earlier take of the generation, as {@link TakenMap#changed}. */
  public void changed(int sinceNumber, long offsetBytes, long lengthBytes, ExtentVisitor visitor)
      throws ErrnoException {
    ask(
        "change map",
        offsetBytes,
        lengthBytes,
        () -> {
          view.checkAlive();
          map.changed(sinceNumber, offsetBytes, lengthBytes, visitor);
        });
  }

  /** The numbers of the intervals in which ranges were last written. */
  public void numbers(long offsetBytes, long lengthBytes, ExtentVisitor visitor)
      throws ErrnoException {
    ask(
        "change map",
        offsetBytes,
        lengthBytes,
        () -> {
          view.checkAlive();
          map.numbers(offsetBytes, lengthBytes, visitor);
        });
  }

  @FunctionalInterface
  private interface Question {
    void ask() throws ErrnoException;
  }

  private void ask(String what, long offsetBytes, long lengthBytes, Question question)
      throws ErrnoException {
    if (offsetBytes < 0 || lengthBytes < 1 || offsetBytes >= geometry.sizeBytes()) {
      throw new ErrnoException(
          Errno.EINVAL,
          what
              + " of "
              + offsetBytes
              + "+"
              + lengthBytes
              + " on "
              + name
              + ": outside its "
              + geometry.sizeBytes()
              + " bytes");
    }
    enter(what);
    try {
      question.ask();
      checkOpen(what);
    } finally {
      space.leave();
    }
  }

  private void enter(String what) throws ErrnoException {
    checkOpen(what);
    if (!space.enter()) {
      throw gone(what);
    }
  }

  private void checkOpen(String what) throws ErrnoException {
    if (closed) {
      throw gone(what);
    }
  }

  private ErrnoException gone(String what) {
    return new ErrnoException(Errno.EIO, what + " on " + name + ": the snapshot was destroyed");
  }

  /** Answers EIO from now on. Before copy-on-write stops, so that no read returns newer bytes. */
  public void close() {
    closed = true;
  }

  @Override
  public String toString() {
    return name;
  }
}
