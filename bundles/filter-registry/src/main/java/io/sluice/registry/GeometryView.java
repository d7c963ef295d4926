package io.sluice.registry;

import io.sluice.block.BioOp;
import io.sluice.block.DeviceGeometry;
import java.util.Set;
import java.util.function.UnaryOperator;

/**
 * A layer's geometry, made from that of the layer below with other operations. Kept until the one
 * below is another, because geometries are asked for per bio and must not be made per bio.
 */
final class GeometryView {
  private record Derivation(DeviceGeometry from, DeviceGeometry to) {}

  private final UnaryOperator<Set<BioOp>> ops;
  private volatile Derivation last;

  /**
   * @param ops the layer's operations from those of the layer below, in a set of its own
   */
  GeometryView(UnaryOperator<Set<BioOp>> ops) {
    this.ops = ops;
  }

  DeviceGeometry of(DeviceGeometry below) {
    Derivation known = last;
    // Cheap as a rule: a record is compared by identity first, and the layer below keeps its own.
    if (known != null && known.from.equals(below)) {
      return known.to;
    }
    DeviceGeometry derived =
        new DeviceGeometry(
            below.sizeBytes(),
            below.blockSizeBytes(),
            below.preferredSizeBytes(),
            below.readOnly(),
            below.rotational(),
            ops.apply(below.ops()));
    last = new Derivation(below, derived);
    return derived;
  }
}
