package io.sluice.tck;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import io.sluice.filter.Filter;
import io.sluice.filter.FilterHost;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;

/** Changes every byte. Knows neither discards nor zeroes, which it sees as writes. */
final class Xor extends PassOperations {
  private static final byte KEY = 0x5a;

  private final boolean ownBuffer;
  private final boolean restores;

  /**
   * @param ownBuffer whether it keeps the rule on buffers, but then none on block status
   * @param restores whether it undoes what it did to the caller's buffer
   */
  Xor(boolean ownBuffer, boolean restores) {
    this.ownBuffer = ownBuffer;
    this.restores = restores;
  }

  @Override
  public Set<BioOp> ops() {
    return EnumSet.of(BioOp.READ, BioOp.WRITE, BioOp.FLUSH);
  }

  private static void xor(ByteBuffer data, int from, int to) {
    for (int i = from; i < to; i++) {
      data.put(i, (byte) (data.get(i) ^ KEY));
    }
  }

  @Override
  public Filter attach(FilterHost host, Map<String, String> options) throws ErrnoException {
    return new Pass(host) {
      @Override
      public void submit(Bio bio, BlockDevice next) throws ErrnoException {
        ByteBuffer data = bio.data();
        int from = data == null ? 0 : data.position();
        if (bio.op() == BioOp.WRITE) {
          write(bio, data, from, next);
        } else {
          next.submit(bio);
        }
        if (bio.op() == BioOp.READ) {
          xor(data, from, data.limit());
        }
      }

      private void write(Bio bio, ByteBuffer data, int from, BlockDevice next)
          throws ErrnoException {
        if (!ownBuffer && !data.isReadOnly()) {
          xor(data, from, data.limit());
          try {
            next.submit(bio);
          } finally {
            if (restores) {
              xor(data, from, data.limit());
            }
          }
          return;
        }
        ByteBuffer copy = ByteBuffer.allocate(data.remaining()).put(data.duplicate()).flip();
        xor(copy, 0, copy.limit());
        next.submit(new Bio().write(bio.offsetBytes(), copy, bio.flags()));
      }

      @Override
      public void status(
          long offsetBytes, long lengthBytes, ExtentVisitor visitor, BlockDevice next)
          throws ErrnoException {
        if (ownBuffer) {
          next.status(offsetBytes, lengthBytes, visitor);
        } else {
          visitor.extent(lengthBytes, ExtentVisitor.DATA);
        }
      }
    };
  }
}
