package io.sluice.simulator.run;

import io.sluice.block.Bio;
import io.sluice.simulator.oracle.CellModel;
import java.nio.ByteBuffer;

/** Judges what a read returned. */
final class Bytes {
  private Bytes() {}

  /** What is wrong with a completed read from a cell on, or null. */
  static String judgeRead(CellModel model, CellModel.Reading reading, int firstCell, Bio bio) {
    ByteBuffer data = bio.data();
    int length = (int) bio.lengthBytes();
    String wrong = Buffers.judge(data, length);
    if (wrong != null) {
      return wrong;
    }
    byte[] got = payload(bio);
    for (int i = 0; i < length / model.cellBytes(); i++) {
      wrong = model.judge(reading, firstCell + i, got, i * model.cellBytes());
      if (wrong != null) {
        return wrong;
      }
    }
    return null;
  }

  /** The bytes that a completed read returned. */
  static byte[] payload(Bio bio) {
    byte[] got = new byte[(int) bio.lengthBytes()];
    ByteBuffer data = bio.data().duplicate();
    data.position(data.limit() - got.length).get(got);
    return got;
  }
}
