package io.sluice.tck;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.ErrnoException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Deque;
import java.util.List;
import java.util.Random;

/**
 * A range of a device beside an array that says what it must hold, under random operations. What
 * was discarded is undefined until it is written again.
 */
final class DeviceModel {
  private static final int UNIT_COUNT_MAX = 16;
  private static final int HISTORY_COUNT = 5;

  private static final List<BioOp> OPS = List.of(BioOp.values());

  private final TestedDevice device;
  private final Random random;
  private final int startBytes;
  private final byte[] expected;
  private final BitSet undefined;
  private final Deque<String> history = new ArrayDeque<>();

  /** Writes the range anew. */
  DeviceModel(TestedDevice device, Random random, int startBytes, int lengthBytes)
      throws ErrnoException {
    this.device = device;
    this.random = random;
    this.startBytes = startBytes;
    this.expected = TestedDevice.bytes(random, lengthBytes);
    this.undefined = new BitSet(lengthBytes);
    device.write(startBytes, expected);
  }

  void run(int count) throws ErrnoException {
    for (int i = 0; i < count; i++) {
      step();
    }
    verify(0, expected.length);
  }

  private void step() throws ErrnoException {
    int units = expected.length / device.unitBytes;
    int unitCount = 1 + random.nextInt(Math.min(units, UNIT_COUNT_MAX));
    int from = random.nextInt(units - unitCount + 1) * device.unitBytes;
    int length = unitCount * device.unitBytes;
    int to = from + length;
    BioOp op = OPS.get(random.nextInt(OPS.size()));
    if (!device.serves(op)) {
      op = BioOp.READ;
    }
    note(op + " " + (startBytes + from) + "+" + length);
    switch (op) {
      case READ -> verify(from, length);
      case WRITE -> write(from, TestedDevice.bytes(random, length));
      case WRITE_ZEROES -> {
        device.zero(startBytes + from, length, random.nextBoolean() ? Bio.NO_UNMAP : 0);
        Arrays.fill(expected, from, to, (byte) 0);
        undefined.clear(from, to);
      }
      case DISCARD -> {
        device.device.submit(new Bio().discard(startBytes + from, length, 0));
        undefined.set(from, to);
      }
      case FLUSH -> device.flush();
    }
  }

  private void note(String operation) {
    history.addLast(operation);
    if (history.size() > HISTORY_COUNT) {
      history.removeFirst();
    }
  }

  private void write(int from, byte[] bytes) throws ErrnoException {
    ByteBuffer data = random.nextBoolean() ? ByteBuffer.allocateDirect(bytes.length) : null;
    data = data == null ? ByteBuffer.wrap(bytes.clone()) : data.put(bytes).flip();
    device.device.submit(new Bio().write(startBytes + from, data, 0));
    System.arraycopy(bytes, 0, expected, from, bytes.length);
    undefined.clear(from, from + bytes.length);
  }

  private void verify(int from, int length) throws ErrnoException {
    byte[] actual = device.read(startBytes + from, length);
    byte[] wanted = Arrays.copyOfRange(expected, from, from + length);
    for (int i = undefined.nextSetBit(from);
        i >= 0 && i < from + length;
        i = undefined.nextSetBit(i + 1)) {
      wanted[i - from] = actual[i - from];
    }
    Expect.bytes("what is read after " + history, startBytes + from, wanted, actual);
  }
}
