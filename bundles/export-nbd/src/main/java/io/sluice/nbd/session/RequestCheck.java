package io.sluice.nbd.session;

import static io.sluice.nbd.codec.NbdProtocol.CMD_BLOCK_STATUS;
import static io.sluice.nbd.codec.NbdProtocol.CMD_CACHE;
import static io.sluice.nbd.codec.NbdProtocol.CMD_FLAG_DF;
import static io.sluice.nbd.codec.NbdProtocol.CMD_FLAG_FAST_ZERO;
import static io.sluice.nbd.codec.NbdProtocol.CMD_FLAG_FUA;
import static io.sluice.nbd.codec.NbdProtocol.CMD_FLAG_NO_HOLE;
import static io.sluice.nbd.codec.NbdProtocol.CMD_FLAG_PAYLOAD_LEN;
import static io.sluice.nbd.codec.NbdProtocol.CMD_FLAG_REQ_ONE;
import static io.sluice.nbd.codec.NbdProtocol.CMD_FLUSH;
import static io.sluice.nbd.codec.NbdProtocol.CMD_READ;
import static io.sluice.nbd.codec.NbdProtocol.CMD_TRIM;
import static io.sluice.nbd.codec.NbdProtocol.CMD_WRITE;
import static io.sluice.nbd.codec.NbdProtocol.CMD_WRITE_ZEROES;

import io.sluice.block.BioOp;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.nbd.codec.NbdLimits;
import io.sluice.nbd.codec.ReplyStyle;
import io.sluice.nbd.codec.Request;

/**
 * Refuses a request as a whole before any of it is done, since the device sees a large one in
 * pieces only.
 */
final class RequestCheck {
  private final Export export;
  private final ReplyStyle style;
  private final ContextSelection contexts;

  RequestCheck(Export export, ReplyStyle style, ContextSelection contexts) {
    this.export = export;
    this.style = style;
    this.contexts = contexts;
  }

  /** Null, or why the request can't be served. */
  ErrnoException refusal(Request request) {
    DeviceGeometry geometry = export.device().geometry();
    int unknownFlags = request.flags() & ~allowedFlags(request.type(), geometry);
    if (unknownFlags != 0) {
      return refuse(
          Errno.EINVAL, request, String.format("flags 0x%x are not for it here", unknownFlags));
    }
    return switch (request.type()) {
      case CMD_FLUSH -> null;
      case CMD_READ -> payload(request, geometry, Errno.EINVAL);
      case CMD_WRITE ->
          export.writable(geometry) ? payload(request, geometry, Errno.ENOSPC) : readOnly(request);
      case CMD_TRIM ->
          export.writable(geometry) ? range(request, geometry, Errno.EINVAL) : readOnly(request);
      case CMD_WRITE_ZEROES ->
          export.writable(geometry) ? range(request, geometry, Errno.ENOSPC) : readOnly(request);
      case CMD_CACHE -> range(request, geometry, Errno.EINVAL);
      case CMD_BLOCK_STATUS -> blockStatus(request, geometry);
      default -> refuse(Errno.EINVAL, request, "unknown command");
    };
  }

  private int allowedFlags(int type, DeviceGeometry geometry) {
    return switch (type) {
      case CMD_READ -> CMD_FLAG_FUA | (style.chunks() ? CMD_FLAG_DF : 0);
      case CMD_WRITE -> CMD_FLAG_FUA | (style == ReplyStyle.EXTENDED ? CMD_FLAG_PAYLOAD_LEN : 0);
      case CMD_WRITE_ZEROES ->
          CMD_FLAG_FUA
              | CMD_FLAG_NO_HOLE
              | (geometry.ops().contains(BioOp.WRITE_ZEROES) ? CMD_FLAG_FAST_ZERO : 0);
      case CMD_BLOCK_STATUS ->
          CMD_FLAG_FUA
              | CMD_FLAG_REQ_ONE
              | (style == ReplyStyle.EXTENDED && !contexts.isEmpty() ? CMD_FLAG_PAYLOAD_LEN : 0);
      default -> CMD_FLAG_FUA;
    };
  }

  private ErrnoException payload(Request request, DeviceGeometry geometry, Errno pastEnd) {
    if (Long.compareUnsigned(request.lengthBytes(), NbdLimits.PAYLOAD_MAX_BYTES) > 0) {
      return refuse(
          Errno.EINVAL, request, "longer than the limit of " + NbdLimits.PAYLOAD_MAX_BYTES);
    }
    return range(request, geometry, pastEnd);
  }

  private ErrnoException blockStatus(Request request, DeviceGeometry geometry) {
    if (contexts.isEmpty()) {
      return refuse(Errno.EINVAL, request, "no context was selected for this export");
    }
    if (request.has(CMD_FLAG_PAYLOAD_LEN)) {
      // The range is in the payload, and is looked at once that has come.
      return BlockStatusPayload.isLength(request.lengthBytes(), contexts.size())
          ? null
          : refuse(
              Errno.EINVAL,
              request,
              "its payload must be "
                  + BlockStatusPayload.LENGTH_BYTES
                  + " bytes and "
                  + BlockStatusPayload.ID_BYTES
                  + " for each of 1 to "
                  + contexts.size()
                  + " contexts");
    }
    if (request.lengthBytes() == 0) {
      return refuse(Errno.EINVAL, request, "an empty range has no status");
    }
    return range(request, geometry, Errno.EINVAL);
  }

  /** Null, or why a BLOCK_STATUS whose payload was taken can't be served. */
  ErrnoException payloadRefusal(Request request, int chosen) {
    return chosen == 0
        ? refuse(Errno.EINVAL, request, "its payload names a context twice, or one not selected")
        : blockStatus(request, export.device().geometry());
  }

  private ErrnoException range(Request request, DeviceGeometry geometry, Errno pastEnd) {
    long offsetBytes = request.offsetBytes();
    long sizeBytes = geometry.sizeBytes();
    if (offsetBytes < 0
        || request.lengthBytes() < 0
        || offsetBytes > sizeBytes
        || request.lengthBytes() > sizeBytes - offsetBytes) {
      return refuse(pastEnd, request, "past the end of the export at " + sizeBytes + " bytes");
    }
    if (((offsetBytes | request.lengthBytes()) & (geometry.blockSizeBytes() - 1)) != 0) {
      return refuse(
          Errno.EINVAL,
          request,
          "offset and length must be multiples of the block size " + geometry.blockSizeBytes());
    }
    return null;
  }

  private ErrnoException readOnly(Request request) {
    return refuse(Errno.EPERM, request, "the export is read-only");
  }

  private ErrnoException refuse(Errno errno, Request request, String why) {
    return new ErrnoException(errno, request + " on " + export.name() + ": " + why);
  }
}
