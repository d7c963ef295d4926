package io.sluice.nbd.session;

import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.export.RateLimit;
import io.sluice.nbd.codec.NbdLimits;
import io.sluice.nbd.codec.NbdProtocol;
import java.util.List;

/**
 * A device under a name.
 *
 * @param name what clients ask for
 * @param description one line for people, or empty
 * @param device what is served
 * @param readOnly whether clients are refused to change it, whatever the device allows
 * @param throttle how fast its clients may be
 * @param contexts what BLOCK_STATUS can tell, {@code base:allocation} first
 */
public record Export(
    String name,
    String description,
    BlockDevice device,
    boolean readOnly,
    Throttle throttle,
    List<MetaContext> contexts) {

  /** Copies the list. */
  public Export {
    contexts = List.copyOf(contexts);
  }

  /** One whose clients may be as fast as they can, and whose block status alone is known. */
  public Export(String name, String description, BlockDevice device, boolean readOnly) {
    this(
        name,
        description,
        device,
        readOnly,
        new Throttle(RateLimit.NONE, System::nanoTime),
        List.of(MetaContext.ALLOCATION));
  }

  /** The same device on the same terms, with other contexts. */
  public Export with(List<MetaContext> otherContexts) {
    return new Export(name, description, device, readOnly, throttle, otherContexts);
  }

  /** The same device on the same terms, but read-only, as a view of it under a name of its own. */
  public Export view(String viewName, String viewDescription, List<MetaContext> viewContexts) {
    return new Export(viewName, viewDescription, device, true, throttle, viewContexts);
  }

  /**
   * Whether a client of {@code other} is one of this, though the two may be described otherwise.
   */
  public boolean isSame(Export other) {
    return name.equals(other.name) && device == other.device;
  }

  /** Whether a client may change anything. */
  boolean writable(DeviceGeometry geometry) {
    return !readOnly && !geometry.readOnly();
  }

  /** The transmission flags: what a client may send. INFO and GO must agree, so both ask here. */
  int transmissionFlags(DeviceGeometry geometry, boolean structured) {
    boolean writable = writable(geometry);
    boolean flushes = geometry.ops().contains(BioOp.FLUSH);
    int flags = NbdProtocol.FLAG_HAS_FLAGS | NbdProtocol.FLAG_SEND_CACHE;
    flags |= writable ? NbdProtocol.FLAG_SEND_FUA : NbdProtocol.FLAG_READ_ONLY;
    // A device's flush covers every completed write, whichever connection it came from.
    flags |= flushes ? NbdProtocol.FLAG_SEND_FLUSH : 0;
    flags |= flushes || !writable ? NbdProtocol.FLAG_CAN_MULTI_CONN : 0;
    flags |= geometry.rotational() ? NbdProtocol.FLAG_ROTATIONAL : 0;
    flags |= structured ? NbdProtocol.FLAG_SEND_DF : 0;
    if (writable && geometry.ops().contains(BioOp.DISCARD)) {
      flags |= NbdProtocol.FLAG_SEND_TRIM;
    }
    if (writable && geometry.ops().contains(BioOp.WRITE_ZEROES)) {
      flags |= NbdProtocol.FLAG_SEND_WRITE_ZEROES | NbdProtocol.FLAG_SEND_FAST_ZERO;
    }
    return flags;
  }

  /** The preferred block size within what the protocol allows: 512 up to the largest payload. */
  static int preferredBlockBytes(DeviceGeometry geometry) {
    return Math.max(512, Math.min(geometry.preferredSizeBytes(), NbdLimits.PAYLOAD_MAX_BYTES));
  }
}
