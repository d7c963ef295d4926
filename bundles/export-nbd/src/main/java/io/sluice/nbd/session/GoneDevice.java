package io.sluice.nbd.session;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import java.util.EnumSet;

/** Stands in for a device that went while its clients' sessions were at rest. */
final class GoneDevice implements BlockDevice {
  private static final int PREFERRED_BYTES = 4096;

  private final String name;
  private final DeviceGeometry geometry;

  GoneDevice(String name, long sizeBytes) {
    this.name = name;
    this.geometry =
        new DeviceGeometry(sizeBytes, 1, PREFERRED_BYTES, false, false, EnumSet.allOf(BioOp.class));
  }

  @Override
  public DeviceGeometry geometry() {
    return geometry;
  }

  @Override
  public void submit(Bio bio) throws ErrnoException {
    throw gone(bio.toString());
  }

  @Override
  public void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor)
      throws ErrnoException {
    throw gone("block status");
  }

  private ErrnoException gone(String what) {
    return new ErrnoException(Errno.ESHUTDOWN, what + " on " + name + ": the export is gone");
  }
}
