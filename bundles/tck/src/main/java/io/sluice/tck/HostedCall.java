package io.sluice.tck;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import java.nio.ByteBuffer;

/** What a filter is given as {@code next} for one call, and what was true when it was called. */
// Which buffer it is counts, not what is in it.
@SuppressWarnings("ReferenceEquality")
final class HostedCall implements BlockDevice {
  private final BlockDevice below;
  private final Complaints complaints;
  private final Bio bio;
  private final BioOp op;
  private final int flags;
  private final long offsetBytes;
  private final long lengthBytes;
  private final ByteBuffer data;
  private final ByteBuffer payload;
  private final int position;
  private final int limit;
  private final Thread thread = Thread.currentThread();
  private volatile boolean returned;
  private volatile boolean passedOn;

  /**
   * @param bio what the filter is called with; null for a call of status
   */
  HostedCall(Bio bio, BlockDevice below, Complaints complaints) {
    this.below = below;
    this.complaints = complaints;
    this.bio = bio;
    this.op = bio == null ? null : bio.op();
    this.flags = bio == null ? 0 : bio.flags();
    this.offsetBytes = bio == null ? 0 : bio.offsetBytes();
    this.lengthBytes = bio == null ? 0 : bio.lengthBytes();
    this.data = bio == null ? null : bio.data();
    this.position = data == null ? 0 : data.position();
    this.limit = data == null ? 0 : data.limit();
    this.payload = op == BioOp.WRITE ? copyOf(data) : null;
  }

  private static ByteBuffer copyOf(ByteBuffer data) {
    return ByteBuffer.allocate(data.remaining()).put(data.duplicate()).flip();
  }

  /** The filter has returned, or thrown. */
  void returned() {
    returned = true;
    if (bio == null) {
      return;
    }
    if (bio.op() != op
        || bio.flags() != flags
        || bio.offsetBytes() != offsetBytes
        || bio.lengthBytes() != lengthBytes
        || bio.data() != data) {
      complaints.add("FLT-6", op + " " + offsetBytes + "+" + lengthBytes + " came back as " + bio);
    }
    checkPayload("when it returned");
  }

  private void checkPayload(String when) {
    if (payload != null
        && !payload.equals(data.duplicate().clear().position(position).limit(limit))) {
      complaints.add("FLT-6", "the bytes of " + bio + " were changed in its buffer " + when);
    }
  }

  /** Sets the buffer as it was given. */
  void resetBuffer() {
    if (data != null) {
      data.limit(limit).position(position);
    }
  }

  /** Whether the bio was served by somebody: the chain below, or the filter. */
  boolean served() {
    return passedOn || data == null || data.position() == limit;
  }

  private void checkUse(String what) {
    if (Thread.currentThread() != thread && !returned) {
      complaints.add("FLT-7", what + " went to next in another thread than the call's");
    }
    if (returned) {
      complaints.add("FLT-7", what + " went to next after submit had returned");
    }
  }

  @Override
  public DeviceGeometry geometry() {
    return below.geometry();
  }

  @Override
  public void submit(Bio lower) throws ErrnoException {
    checkUse(lower.toString());
    passedOn = true;
    if (lower.data() != null && lower.data().remaining() != lower.lengthBytes()) {
      complaints.add(
          "FLT-8", lower + " was submitted with " + lower.data().remaining() + " bytes remaining");
    }
    if (!returned && lower.data() == data) {
      checkPayload("when it was passed on");
    }
    below.submit(lower);
  }

  @Override
  public void status(long offset, long length, ExtentVisitor visitor) throws ErrnoException {
    checkUse("block status");
    below.status(offset, length, visitor);
  }

  @Override
  public boolean mayBlock() {
    return below.mayBlock();
  }
}
