package io.sluice.shell.backup;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.LongConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Runs qemu-img and qemu-io in one directory, for one caller. One thread at a time. */
final class QemuTools {
  /** What of a program's output is kept; more is read and thrown away. */
  static final int OUTPUT_MAX_BYTES = 1 << 16;

  private static final long LOOK_MS = 50;

  /** As qemu-img prints it for {@code -p}. */
  private static final Pattern PERCENT = Pattern.compile("\\(([0-9]{1,3})\\.[0-9]+/100%\\)");

  private final Path directory;
  private final Work work;

  /**
   * @param directory where the programs start, so that a file in it needs no path
   */
  QemuTools(Path directory, Work work) {
    this.directory = directory;
    this.work = work;
  }

  /**
   * What a program left behind.
   *
   * @param status its exit status
   * @param output the beginning of what it printed, on either stream
   */
  record Result(int status, String output) {
    /** The last line, for people. */
    String lastLine() {
      String text = output.strip();
      return text.isEmpty() ? "status " + status : text.substring(text.lastIndexOf('\n') + 1);
    }
  }

  /** {@link #run(List, LongConsumer)} of a program that does not tell how far it has come. */
  Result run(List<String> command) throws ErrnoException {
    return run(command, percent -> {});
  }

  /**
   * Runs a program to its end.
   *
   * @param percent told how far it has come, if its output says so
   * @throws ErrnoException ENOENT if it is not installed; ECANCELED if the caller gives up, and the
   *     program is killed
   */
  Result run(List<String> command, LongConsumer percent) throws ErrnoException {
    Process process = start(command);
    try {
      process.getOutputStream().close();
      return await(process, percent);
    } catch (ErrnoException e) {
      throw e;
    } catch (IOException e) {
      throw new ErrnoException(Errno.EIO, command.get(0) + ": " + e.getMessage(), e);
    } finally {
      process.destroyForcibly();
    }
  }

  /**
   * Runs a program that must end well.
   *
   * @return what it printed
   * @throws ErrnoException as {@link #run}; EIO with its last line if it fails
   */
  String need(List<String> command) throws ErrnoException {
    return need(command, percent -> {});
  }

  /** {@link #need(List)} of a program that tells how far it has come. */
  String need(List<String> command, LongConsumer percent) throws ErrnoException {
    Result result = run(command, percent);
    if (result.status != 0) {
      throw new ErrnoException(Errno.EIO, command.get(0) + ": " + result.lastLine());
    }
    return result.output;
  }

  private Process start(List<String> command) throws ErrnoException {
    try {
      return new ProcessBuilder(command)
          .directory(directory.toFile())
          .redirectErrorStream(true)
          .start();
    } catch (IOException e) {
      throw new ErrnoException(
          Errno.ENOENT,
          command.get(0)
              + " can't be started ("
              + e.getMessage()
              + "); install it, on Debian: apt-get install qemu-utils",
          e);
    }
  }

  private Result await(Process process, LongConsumer percent) throws IOException, ErrnoException {
    InputStream in = process.getInputStream();
    byte[] kept = new byte[OUTPUT_MAX_BYTES];
    byte[] chunk = new byte[4096];
    int keptBytes = 0;
    while (true) {
      boolean ended = hasEnded(process);
      for (int ready = in.available(); ready > 0; ready = in.available()) {
        int read = in.read(chunk, 0, Math.min(chunk.length, ready));
        if (read < 0) {
          break;
        }
        int room = Math.min(kept.length - keptBytes, read);
        System.arraycopy(chunk, 0, kept, keptBytes, room);
        keptBytes += room;
        tell(new String(chunk, 0, read, StandardCharsets.US_ASCII), percent);
      }
      if (ended) {
        return new Result(
            process.exitValue(), new String(kept, 0, keptBytes, StandardCharsets.UTF_8));
      }
      work.check();
    }
  }

  private static void tell(String output, LongConsumer percent) {
    Matcher found = PERCENT.matcher(output);
    while (found.find()) {
      percent.accept(Long.parseLong(found.group(1)));
    }
  }

  private static boolean hasEnded(Process process) throws ErrnoException {
    try {
      return process.waitFor(LOOK_MS, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ErrnoException(Errno.EINTR, "interrupted while a program worked", e);
    }
  }
}
