package io.sluice.linux.testing;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A block device over a file. */
public final class LoopDevice implements AutoCloseable {
  private final Path device;

  private LoopDevice(Path device) {
    this.device = device;
  }

  /**
   * Makes a device over {@code file}, or skips the test where that can't be done.
   *
   * @param options for losetup, such as {@code --sector-size 4096}
   */
  public static LoopDevice over(Path file, String... options) throws IOException {
    Programs.assumeRoot();
    Programs.assume("losetup");
    assumeTrue(Files.exists(Path.of("/dev/loop-control")), "there is no /dev/loop-control");
    List<String> command = new ArrayList<>(List.of("losetup", "--find", "--show"));
    command.addAll(List.of(options));
    command.add(file.toString());
    Programs.Result made = Programs.run(command.toArray(String[]::new));
    assumeTrue(made.exit() == 0, "losetup can't make a loop device here: " + made.output());
    return new LoopDevice(Path.of(made.output()));
  }

  /** Such as {@code /dev/loop0}. */
  public Path path() {
    return device;
  }

  @Override
  public void close() throws IOException {
    Programs.succeed("losetup", "--detach", device.toString());
  }
}
