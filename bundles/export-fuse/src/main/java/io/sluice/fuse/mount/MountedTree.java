package io.sluice.fuse.mount;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.fuse.codec.FuseLimits;
import io.sluice.fuse.codec.Init;
import io.sluice.fuse.codec.MalformedRequestException;
import io.sluice.fuse.codec.Reply;
import io.sluice.fuse.codec.Request;
import io.sluice.fuse.session.RequestMemory;
import io.sluice.fuse.session.Session;
import io.sluice.fuse.tree.FileTree;
import io.sluice.fuse.tree.OpenFiles;
import io.sluice.linux.SystemErrors;
import io.sluice.linux.fuse.FuseDescriptor;
import io.sluice.linux.fuse.FuseMount;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** A tree that is mounted and served until it is closed, or unmounted by somebody. Thread-safe. */
final class MountedTree {
  private static final System.Logger LOG = System.getLogger(MountedTree.class.getPackageName());

  /** How long requests under way may take when the mount is closed. */
  static final long CLOSE_LIMIT_NANOS = TimeUnit.SECONDS.toNanos(5);

  private final FuseMount mount;
  private final OpenFiles openFiles = new OpenFiles();
  private final Readers readers;
  private final Runnable onUnmounted;
  private volatile boolean hidden;
  private boolean closed;

  private MountedTree(
      FuseMount mount, FileTree tree, String name, MemoryPool pool, Runnable onUnmounted) {
    this.mount = mount;
    this.onUnmounted = onUnmounted;
    this.readers =
        new Readers(
            name,
            mount.descriptor(),
            pool,
            memory -> new Session(tree, openFiles, memory),
            this::disconnected);
  }

  /**
   * Mounts and serves a tree.
   *
   * @param target an absolute path without symbolic links
   * @param source names the agent
   * @param threadCount threads to start with
   * @param everybody whether other users are let in
   * @param onUnmounted called once if somebody else unmounts it
   * @throws ErrnoException what the mount reports; ENOMEM; ENOTSUP for a kernel that is too old
   */
  static MountedTree mount(
      Path target,
      String source,
      FileTree tree,
      int threadCount,
      boolean everybody,
      MemoryPool pool,
      Runnable onUnmounted)
      throws ErrnoException {
    RequestMemory memory = pool.tryTake();
    if (memory == null) {
      throw new ErrnoException(
          Errno.ENOMEM,
          "mount FUSE on "
              + target
              + ": the buffers of all mounts may take "
              + MemoryPool.BUDGET_BYTES
              + " bytes, and do; remove an export");
    }
    FuseMount mount;
    try {
      mount =
          FuseMount.mount(
              target,
              new FuseMount.Options(source, tree.rootMode(), FuseLimits.IO_MAX_BYTES, everybody));
    } catch (ErrnoException e) {
      pool.give(memory);
      throw e;
    }
    try {
      answerInit(mount.descriptor(), memory);
    } catch (ErrnoException e) {
      pool.give(memory);
      mount.detach();
      mount.descriptor().close();
      throw e;
    }
    MountedTree mounted =
        new MountedTree(mount, tree, target.getFileName().toString(), pool, onUnmounted);
    mounted.readers.start(memory, threadCount);
    return mounted;
  }

  private static void answerInit(FuseDescriptor descriptor, RequestMemory memory)
      throws ErrnoException {
    long address = FuseDescriptor.address(memory.whole());
    Request request = new Request(memory.whole(), RequestMemory.REQUEST_START);
    Reply reply = new Reply(memory.whole(), RequestMemory.REQUEST_START);
    long count;
    do {
      count =
          descriptor.read(address + RequestMemory.REQUEST_START, RequestMemory.REQUEST_MAX_BYTES);
    } while (count == -FuseDescriptor.EINTR || count == -FuseDescriptor.EAGAIN);
    if (count < 0) {
      throw SystemErrors.failure((int) -count, "read of the kernel's INIT");
    }
    try {
      request.decode((int) count);
      Init init = Init.agree(request);
      reply.init(request.unique(), init);
    } catch (MalformedRequestException e) {
      throw new ErrnoException(Errno.ENOTSUP, "INIT of FUSE: " + e.getMessage(), e);
    }
    count = descriptor.write(address + reply.startBytes(), reply.lengthBytes());
    if (count < 0) {
      throw SystemErrors.failure((int) -count, "answer to the kernel's INIT");
    }
  }

  /** Where it is mounted. */
  Path target() {
    return mount.target();
  }

  /** Takes the mount off its path, and goes on serving what is open. */
  synchronized void hide() {
    if (!closed && !hidden) {
      hidden = true;
      detach();
    }
  }

  /** Whether it is off its path. */
  boolean hidden() {
    return hidden;
  }

  private void detach() {
    try {
      mount.detach();
    } catch (ErrnoException e) {
      LOG.log(System.Logger.Level.WARNING, e.getMessage());
    }
  }

  private void disconnected() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    LOG.log(System.Logger.Level.INFO, () -> target() + " was unmounted");
    openFiles.releaseAll();
    mount.descriptor().close();
    onUnmounted.run();
  }

  /**
   * Unmounts. Requests under way are finished; what comes behind them, and what is open, fails with
   * ECONNABORTED and ENOTCONN. A request that a device keeps longer than the limit is given up: its
   * client gets the same. Idempotent.
   */
  void close(long limitNanos) {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    readers.leave();
    // A thread waits for a request without end, so each gets one. In a thread of its own, since
    // nobody answers if all are stuck.
    Thread nudger = new Thread(this::nudge, "fuse-close-" + target().getFileName());
    nudger.setDaemon(true);
    nudger.start();
    boolean ended = awaitReaders(limitNanos);
    if (ended) {
      mount.descriptor().close();
    } else {
      LOG.log(
          System.Logger.Level.WARNING,
          () -> target() + ": requests that a device does not complete are given up");
      readers.abandon();
      mount.descriptor().abandon();
    }
    // Nobody answers any more, so the connection has to end before anything else touches the mount.
    if (!hidden) {
      detach();
    }
    openFiles.releaseAll();
  }

  private boolean awaitReaders(long limitNanos) {
    try {
      return readers.awaitEnd(limitNanos);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private void nudge() {
    while (readers.anyRunning() && mount.nudge()) {
      Thread.onSpinWait();
    }
  }
}
