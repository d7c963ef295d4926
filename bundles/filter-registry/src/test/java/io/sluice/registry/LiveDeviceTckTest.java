package io.sluice.registry;

import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.ErrnoException;
import io.sluice.tck.BlockDeviceTck;
import java.util.Set;
import org.junit.jupiter.api.Nested;

/** The rules for block devices, on a live device alone and with filters on it. */
class LiveDeviceTckTest {
  abstract static class Tck extends BlockDeviceTck {
    final Fixture fixture = new Fixture(Fixture.PATIENCE);

    @Override
    protected BlockDevice openDevice() throws ErrnoException {
      return fixture.add("disk");
    }

    @Override
    protected boolean remove(BlockDevice device) throws ErrnoException {
      for (String filter : fixture.devices.info("disk").filters()) {
        fixture.registry.detach("disk", filter);
      }
      fixture.devices.remove("disk");
      return true;
    }
  }

  @Nested
  class Alone extends Tck {}

  @Nested
  class OverAnOriginThatOnlyWrites extends Tck {
    @Override
    protected BlockDevice openDevice() throws ErrnoException {
      fixture.originOps = Set.of(BioOp.READ, BioOp.WRITE);
      return super.openDevice();
    }
  }

  @Nested
  class WithFilters extends Tck {
    @Override
    protected BlockDevice openDevice() throws ErrnoException {
      fixture.register("all", 30, Fixture.ALL_OPS, Fixture.PASS);
      fixture.register("old", 20, Set.of(BioOp.READ, BioOp.WRITE, BioOp.FLUSH), Fixture.PASS);
      fixture.register("last", 10, Fixture.ALL_OPS, Fixture.PASS);
      BlockDevice device = super.openDevice();
      for (String filter : new String[] {"all", "old", "last"}) {
        fixture.attach("disk", filter);
      }
      return device;
    }
  }
}
