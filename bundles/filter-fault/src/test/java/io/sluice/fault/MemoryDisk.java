package io.sluice.fault;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.ExtentVisitor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/** What is below the filter: bytes, and what came to them. */
final class MemoryDisk implements BlockDevice {
  final byte[] bytes;
  final List<String> bios = Collections.synchronizedList(new ArrayList<>());

  MemoryDisk(int sizeBytes) {
    bytes = new byte[sizeBytes];
  }

  @Override
  public DeviceGeometry geometry() {
    return new DeviceGeometry(bytes.length, 1, 4096, false, false, FaultOperations.OPS);
  }

  @Override
  public void submit(Bio bio) {
    bios.add(bio.toString());
    int from = (int) bio.offsetBytes();
    int length = (int) bio.lengthBytes();
    if (bio.op() == BioOp.READ) {
      bio.data().put(bytes, from, length);
    } else if (bio.op() == BioOp.WRITE) {
      bio.data().get(bytes, from, length);
    } else if (bio.op() == BioOp.WRITE_ZEROES) {
      Arrays.fill(bytes, from, from + length, (byte) 0);
    }
  }

  /** All of it reads as zeroes, it says. */
  @Override
  public void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor) {
    visitor.extent(lengthBytes, ExtentVisitor.ZERO);
  }
}
