package io.sluice.linux.fuse;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.StringArray;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.linux.SystemErrors;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Mounts for those who are not root, by the set-uid program of libfuse. It opens /dev/fuse itself
 * and sends the descriptor through a socket, which Java can't give to a process that it starts; so
 * the program is started by posix_spawn.
 */
final class Fusermount {
  private static final String PROGRAM = "fusermount3";

  /** The program looks here for the number of its socket. */
  private static final String SOCKET_VARIABLE = "_FUSE_COMMFD";

  private static final int ERROR_NUMBER = 2;
  private static final int SOCKET_NUMBER = 3;
  private static final int MESSAGE_MAX_BYTES = 4096;

  private static final int MESSAGE_HEADER_BYTES = 56;
  private static final int CONTROL_BYTES = 24;

  private Fusermount() {}

  /**
   * Mounts.
   *
   * @return the descriptor that requests come from
   * @throws ErrnoException ENOENT if the program is not installed; EPERM with what it says
   */
  static FuseDescriptor mount(Path target, String options) throws ErrnoException {
    return run("mount FUSE on " + target, List.of("-o", options, "--", target.toString()), true);
  }

  /** Takes a mount off its path; files that are open stay so. */
  static void unmount(Path target) throws ErrnoException {
    run("unmount " + target, List.of("-u", "-z", "--", target.toString()), false);
  }

  private static FuseDescriptor run(String what, List<String> arguments, boolean mounts)
      throws ErrnoException {
    int[] sockets = pair(what);
    int[] errors;
    try {
      errors = pair(what);
    } catch (ErrnoException e) {
      close(sockets);
      throw e;
    }
    int fd = -1;
    String said;
    int exit;
    try {
      int pid = spawn(what, arguments, sockets[0], errors[0]);
      // The program's copies are the only ones left, so reading ends with it.
      FuseCalls.close(sockets[0]);
      FuseCalls.close(errors[0]);
      sockets[0] = -1;
      errors[0] = -1;
      fd = mounts ? receive(sockets[1]) : -1;
      said = text(errors[1]);
      int[] status = new int[1];
      FuseCalls.waitpid(pid, status, 0);
      exit = status[0];
    } finally {
      close(sockets);
      close(errors);
    }
    if (exit != 0 || (mounts && fd < 0)) {
      if (fd >= 0) {
        FuseCalls.close(fd);
      }
      throw new ErrnoException(
          Errno.EPERM, what + ": " + (said.isEmpty() ? PROGRAM + " failed" : said));
    }
    return mounts ? new FuseDescriptor(fd) : null;
  }

  private static int[] pair(String what) throws ErrnoException {
    int[] pair = new int[2];
    int type = FuseCalls.SOCK_STREAM | FuseCalls.SOCK_CLOEXEC;
    if (FuseCalls.socketpair(FuseCalls.AF_UNIX, type, 0, pair) != 0) {
      throw SystemErrors.failure(Native.getLastError(), what + ": socketpair");
    }
    return pair;
  }

  private static void close(int[] pair) {
    for (int fd : pair) {
      if (fd >= 0) {
        FuseCalls.close(fd);
      }
    }
  }

  private static int spawn(String what, List<String> arguments, int socket, int error)
      throws ErrnoException {
    List<String> command = new ArrayList<>(List.of(PROGRAM));
    command.addAll(arguments);
    String path = System.getenv("PATH");
    String[] environment = {
      SOCKET_VARIABLE + "=" + SOCKET_NUMBER,
      "PATH=" + (path == null ? "/usr/bin:/bin" : path),
      "LC_ALL=C"
    };
    String charset = SystemErrors.NATIVE_CHARSET.name();
    int[] pid = new int[1];
    int failed;
    try (Memory actions = new Memory(FuseCalls.ACTIONS_BYTES)) {
      FuseCalls.posix_spawn_file_actions_init(actions);
      FuseCalls.posix_spawn_file_actions_adddup2(actions, error, ERROR_NUMBER);
      FuseCalls.posix_spawn_file_actions_adddup2(actions, socket, SOCKET_NUMBER);
      for (int fd : openDescriptors()) {
        FuseCalls.posix_spawn_file_actions_addclose(actions, fd);
      }
      failed =
          FuseCalls.posix_spawnp(
              pid,
              FuseDescriptor.terminated(PROGRAM),
              actions,
              null,
              new StringArray(command.toArray(String[]::new), charset),
              new StringArray(environment, charset));
      FuseCalls.posix_spawn_file_actions_destroy(actions);
    }
    if (failed != 0) {
      throw new ErrnoException(
          Errno.ofNumber(failed),
          what + ": " + PROGRAM + " can't be run, install the package fuse3 or run as root");
    }
    return pid[0];
  }

  /**
   * What the program must not get: Java opens files to be inherited, origins among them, with their
   * locks.
   */
  private static List<Integer> openDescriptors() throws ErrnoException {
    List<Integer> open = new ArrayList<>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
      for (Path entry : entries) {
        int fd = Integer.parseInt(entry.getFileName().toString());
        if (fd > SOCKET_NUMBER) {
          open.add(fd);
        }
      }
    } catch (IOException | DirectoryIteratorException e) {
      throw new ErrnoException(Errno.EIO, "list /proc/self/fd: " + e.getMessage(), e);
    }
    return open;
  }

  /** The descriptor in the one message that the program sends; -1 if it ended without. */
  private static int receive(int socket) {
    try (Memory byteSent = new Memory(1);
        Memory vector = new Memory(16);
        Memory control = new Memory(CONTROL_BYTES);
        Memory message = new Memory(MESSAGE_HEADER_BYTES)) {
      vector.setPointer(0, byteSent);
      vector.setLong(8, 1);
      control.clear();
      message.clear();
      message.setPointer(16, vector);
      message.setLong(24, 1);
      message.setPointer(32, control);
      message.setLong(40, CONTROL_BYTES);
      long count;
      do {
        count = FuseCalls.recvmsg(socket, message, FuseCalls.MSG_CMSG_CLOEXEC);
      } while (count < 0 && Native.getLastError() == FuseDescriptor.EINTR);
      boolean carries =
          count > 0
              && message.getLong(40) >= 20
              && control.getInt(8) == FuseCalls.SOL_SOCKET
              && control.getInt(12) == FuseCalls.SCM_RIGHTS;
      return carries ? control.getInt(16) : -1;
    }
  }

  /** What the program says until it ends. */
  private static String text(int fd) {
    StringBuilder text = new StringBuilder();
    try (Memory memory = new Memory(MESSAGE_MAX_BYTES)) {
      long count;
      while (text.length() < MESSAGE_MAX_BYTES
          && (count = FuseCalls.read(fd, Pointer.nativeValue(memory), memory.size())) > 0) {
        text.append(new String(memory.getByteArray(0, (int) count), SystemErrors.NATIVE_CHARSET));
      }
    }
    return text.toString().strip();
  }
}
