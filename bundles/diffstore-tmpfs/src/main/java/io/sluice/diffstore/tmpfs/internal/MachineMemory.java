package io.sluice.diffstore.tmpfs.internal;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The machine's memory, by /proc/meminfo. */
public final class MachineMemory {
  private static final Path MEMINFO = Path.of("/proc/meminfo");

  private MachineMemory() {}

  /** All of it, in bytes; 0 if it can't be told. */
  public static long totalBytes() {
    return read("MemTotal:", 0);
  }

  /** What can be had without swapping, in bytes; without bound if it can't be told. */
  public static long availableBytes() {
    return read("MemAvailable:", Long.MAX_VALUE);
  }

  private static long read(String key, long otherwise) {
    try {
      return value(Files.readAllLines(MEMINFO), key, otherwise);
    } catch (IOException e) {
      return otherwise;
    }
  }

  /** From lines such as {@code MemTotal: 16384 kB}. */
  static long value(List<String> lines, String key, long otherwise) {
    for (String line : lines) {
      String[] words = line.split("\\s+", 3);
      if (words[0].equals(key) && words.length == 3 && words[1].matches("[0-9]{1,15}")) {
        return Long.parseLong(words[1]) << 10;
      }
    }
    return otherwise;
  }
}
