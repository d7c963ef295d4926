package io.sluice.loop.attach;

import io.sluice.block.ErrnoException;
import io.sluice.linux.LoopDevices;
import java.nio.file.Path;
import java.util.List;

/** The kernel's side: the loop devices of the machine, and who uses them. */
public interface LoopKernel {
  /**
   * Puts a loop device over a file.
   *
   * @throws ErrnoException as {@link LoopDevices#attach}
   */
  LoopDevices.Attached attach(Path file, boolean readOnly, int blockSizeBytes)
      throws ErrnoException;

  /**
   * Takes a loop device off its file, at once or when its last user lets go.
   *
   * @throws ErrnoException as {@link LoopDevices#detach}
   */
  void detach(LoopDevices.Attached attached) throws ErrnoException;

  /** All loop devices in use, whoever made them. */
  List<LoopDevices.Attached> list();

  /**
   * Who uses a loop device, in words, such as {@code "mounted at /mnt"}, as far as this can see.
   */
  List<String> users(LoopDevices.Attached attached);

  /**
   * Whether somebody has a loop device for himself, whom {@link #users} need not see. To be asked
   * only when it is to go: a mount that comes just then finds it busy.
   */
  boolean isClaimed(LoopDevices.Attached attached);
}
