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
    List<String> users = BlockUsers.of(attached.device());
    if (!users.isEmpty()) {
      return users;
    }
    try {
      boolean claimed = LoopDevices.isClaimed(attached.number());
      return claimed ? List.of("in use by another program, or mounted in a container") : users;
    } catch (ErrnoException e) {
      return users; // it has gone meanwhile
    }
  }
}
