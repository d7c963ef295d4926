package io.sluice.loop.attach;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.linux.BlockUsers;
import io.sluice.linux.LoopDevices;
import java.nio.file.Path;
import java.util.List;

/** {@link LoopKernel} of this machine. */
public final class LinuxLoops implements LoopKernel {
  @Override
  public LoopDevices.Attached attach(Path file, boolean readOnly, int blockSizeBytes)
      throws ErrnoException {
    int number = LoopDevices.attach(file, readOnly, blockSizeBytes);
    return list().stream()
        .filter(attached -> attached.number() == number)
        .findFirst()
        .orElseThrow(
            () ->
                new ErrnoException(
                    Errno.ENODEV,
                    LoopDevices.path(number) + ": it is not in /sys/block, or was detached again"));
  }

  @Override
  public void detach(LoopDevices.Attached attached) throws ErrnoException {
    boolean unused = LoopDevices.detach(attached);
  }

  @Override
  public List<LoopDevices.Attached> list() {
    return LoopDevices.list();
  }

  @Override
  public List<String> users(LoopDevices.Attached attached) {
    return BlockUsers.of(attached.device());
  }

  @Override
  public boolean isClaimed(LoopDevices.Attached attached) {
    try {
      return LoopDevices.isClaimed(attached.number());
    } catch (ErrnoException e) {
      return false; // it has gone meanwhile
    }
  }
}
