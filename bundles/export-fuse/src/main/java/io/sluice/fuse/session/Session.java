package io.sluice.fuse.session;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.fuse.codec.DirectoryEntries;
import io.sluice.fuse.codec.FuseLimits;
import io.sluice.fuse.codec.FuseProtocol;
import io.sluice.fuse.codec.MalformedRequestException;
import io.sluice.fuse.codec.Reply;
import io.sluice.fuse.codec.Request;
import io.sluice.fuse.tree.ExportedFile;
import io.sluice.fuse.tree.FileTree;
import io.sluice.fuse.tree.OpenFile;
import io.sluice.fuse.tree.OpenFiles;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Serves requests of a mount in one thread's memory. Several sessions serve the same mount; what
 * they share is thread-safe.
 */
public final class Session {
  private static final System.Logger LOG = System.getLogger(Session.class.getPackageName());

  private final FileTree tree;
  private final OpenFiles openFiles;
  private final RequestMemory memory;
  private final Request request;
  private final Reply reply;
  private final DeviceCalls calls;
  private final HoleSearch search = new HoleSearch();
  private MalformedRequestException malformed;

  /**
   * @param memory this session's alone
   */
  public Session(FileTree tree, OpenFiles openFiles, RequestMemory memory) {
    this.tree = tree;
    this.openFiles = openFiles;
    this.memory = memory;
    this.request = new Request(memory.whole(), RequestMemory.REQUEST_START);
    this.reply = new Reply(memory.whole(), RequestMemory.DATA_START);
    this.calls = new DeviceCalls(memory);
  }

  /**
   * Looks at the request that lies in the memory.
   *
   * @param receivedBytes its length
   * @return whether serving it may take long, since a device that waits is asked
   */
  public boolean accept(int receivedBytes) {
    try {
      malformed = null;
      request.decode(receivedBytes);
    } catch (MalformedRequestException e) {
      malformed = e;
      return false;
    }
    int opcode = request.opcode();
    if (opcode == FuseProtocol.READ || opcode == FuseProtocol.WRITE) {
      OpenFile open = openFiles.get(request.handle());
      return open != null && open.file().device().mayBlock();
    }
    return opcode == FuseProtocol.FSYNC || opcode == FuseProtocol.FALLOCATE;
  }

  /** Serves the request that was accepted; then there is a reply, or none is to be sent. */
  public void serve() {
    long unique = request.unique();
    try {
      if (malformed != null) {
        throw malformed;
      }
      dispatch(unique);
    } catch (ErrnoException e) {
      LOG.log(System.Logger.Level.DEBUG, e.getMessage(), e);
      reply.status(unique, e.errno().number());
    } catch (MalformedRequestException e) {
      LOG.log(System.Logger.Level.WARNING, () -> "malformed request: " + e.getMessage());
      reply.status(unique, Errno.EINVAL.number());
    } catch (OutOfMemoryError e) {
      reply.status(unique, Errno.ENOMEM.number());
    } catch (RuntimeException | Error e) {
      // A fault in a filter fails one request, not the mount.
      LOG.log(System.Logger.Level.ERROR, "fault in a device's filters", e);
      reply.status(unique, Errno.EIO.number());
    }
  }

  /** Where the reply begins in the memory. */
  public int replyStartBytes() {
    return reply.startBytes();
  }

  /** The reply's length; 0 if none is to be sent. */
  public int replyBytes() {
    return reply.lengthBytes();
  }

  private void dispatch(long unique) throws ErrnoException, MalformedRequestException {
    switch (request.opcode()) {
      case FuseProtocol.READ -> read(unique);
      case FuseProtocol.WRITE -> write(unique);
      case FuseProtocol.FSYNC -> {
        calls.flush(open().file());
        reply.status(unique, 0);
      }
      case FuseProtocol.FALLOCATE -> fallocate(unique);
      case FuseProtocol.LSEEK -> seek(unique);
      case FuseProtocol.LOOKUP ->
          reply.entry(unique, tree.lookUp(request.nodeId(), request.name()));
      case FuseProtocol.GETATTR -> reply.attributes(unique, tree.attributes(request.nodeId()));
      case FuseProtocol.SETATTR -> change(unique);
      case FuseProtocol.OPEN -> open(unique);
      case FuseProtocol.RELEASE -> {
        openFiles.release(request.handle());
        reply.status(unique, 0);
      }
      case FuseProtocol.OPENDIR -> reply.opened(unique, 0, 0);
      case FuseProtocol.READDIR, FuseProtocol.READDIRPLUS -> list(unique);
      case FuseProtocol.STATFS -> reply.fileSystem(unique, tree.fileCount());
      case FuseProtocol.RELEASEDIR, FuseProtocol.DESTROY -> reply.status(unique, 0);
      case FuseProtocol.FORGET, FuseProtocol.BATCH_FORGET -> reply.none();
      case FuseProtocol.SYMLINK,
          FuseProtocol.MKNOD,
          FuseProtocol.MKDIR,
          FuseProtocol.UNLINK,
          FuseProtocol.RMDIR,
          FuseProtocol.RENAME,
          FuseProtocol.RENAME2,
          FuseProtocol.LINK,
          FuseProtocol.CREATE,
          FuseProtocol.TMPFILE ->
          reply.status(unique, Errno.EPERM.number());
      default -> reply.status(unique, FuseProtocol.ENOSYS);
    }
  }

  private OpenFile open() throws ErrnoException {
    OpenFile open = openFiles.get(request.handle());
    if (open == null) {
      throw new ErrnoException(Errno.EINVAL, "handle " + request.handle() + " is not open");
    }
    return open;
  }

  private void read(long unique) throws ErrnoException {
    ExportedFile file = open().file();
    long offsetBytes = checkedOffset();
    int readBytes = calls.read(file, offsetBytes, checkedSize());
    reply.data(unique, RequestMemory.DATA_START + calls.headBytes(), readBytes);
  }

  private void write(long unique) throws ErrnoException {
    OpenFile open = open();
    checkWritable(open);
    int flags = (request.ioOpenFlags() & FuseProtocol.O_DSYNC) != 0 ? Bio.FUA : 0;
    reply.written(unique, calls.write(open.file(), checkedOffset(), checkedSize(), flags));
  }

  private static void checkWritable(OpenFile open) throws ErrnoException {
    if (!open.writable()) {
      throw new ErrnoException(Errno.EROFS, open.file().name() + " is not open for writing");
    }
  }

  private int checkedSize() throws ErrnoException {
    int sizeBytes = request.sizeBytes();
    if (sizeBytes < 0 || sizeBytes > FuseLimits.IO_MAX_BYTES) {
      throw new ErrnoException(
          Errno.EINVAL,
          "request of "
              + Integer.toUnsignedString(sizeBytes)
              + " bytes, more than "
              + FuseLimits.IO_MAX_BYTES);
    }
    return sizeBytes;
  }

  private long checkedOffset() throws ErrnoException {
    if (request.offsetBytes() < 0) {
      throw new ErrnoException(Errno.EINVAL, "request at offset " + request.offsetBytes());
    }
    return request.offsetBytes();
  }

  private void fallocate(long unique) throws ErrnoException {
    OpenFile open = open();
    checkWritable(open);
    int mode = request.fallocateMode();
    boolean keepsSize = (mode & FuseProtocol.FALLOC_FL_KEEP_SIZE) != 0;
    int how = mode & ~FuseProtocol.FALLOC_FL_KEEP_SIZE;
    if (how != FuseProtocol.FALLOC_FL_ZERO_RANGE
        && !(how == FuseProtocol.FALLOC_FL_PUNCH_HOLE && keepsSize)) {
      throw new ErrnoException(
          Errno.ENOTSUP, "fallocate of mode " + mode + ": zeroing and punching alone are served");
    }
    long offsetBytes = checkedOffset();
    long lengthBytes = request.fallocateBytes();
    DeviceGeometry geometry = open.file().present().geometry();
    long roomBytes = Math.max(0, geometry.sizeBytes() - offsetBytes);
    if (lengthBytes <= 0) {
      throw new ErrnoException(Errno.EINVAL, "fallocate of " + lengthBytes + " bytes");
    }
    if (lengthBytes > roomBytes && !keepsSize) {
      throw new ErrnoException(
          Errno.ENOSPC, "fallocate to beyond the end at " + geometry.sizeBytes());
    }
    calls.zero(
        open.file(),
        offsetBytes,
        Math.min(lengthBytes, roomBytes),
        how == FuseProtocol.FALLOC_FL_ZERO_RANGE ? Bio.NO_UNMAP : 0);
    open.file().spaceChanged();
    reply.status(unique, 0);
  }

  private void seek(long unique) throws ErrnoException {
    BlockDevice device = open().file().present();
    long offsetBytes = request.offsetBytes();
    int whence = request.whence();
    if (whence != FuseProtocol.SEEK_DATA && whence != FuseProtocol.SEEK_HOLE) {
      throw new ErrnoException(Errno.EINVAL, "seek of kind " + whence);
    }
    long sizeBytes = device.geometry().sizeBytes();
    boolean hole = whence == FuseProtocol.SEEK_HOLE;
    if (offsetBytes >= 0 && offsetBytes < sizeBytes) {
      long foundBytes = search.find(device, offsetBytes, hole);
      if (hole || foundBytes < sizeBytes) {
        reply.found(unique, foundBytes);
        return;
      }
    }
    reply.status(unique, FuseProtocol.ENXIO);
  }

  /** Opens with O_TRUNC come as a size of 0 without a handle, and change nothing, as on a disk. */
  private void change(long unique) throws ErrnoException {
    int changed = request.changed();
    if ((changed & (FuseProtocol.FATTR_MODE | FuseProtocol.FATTR_UID | FuseProtocol.FATTR_GID))
        != 0) {
      throw new ErrnoException(Errno.EPERM, "owner and permissions are the agent's to say");
    }
    if ((changed & FuseProtocol.FATTR_SIZE) != 0) {
      ExportedFile file = tree.file(request.nodeId());
      DeviceGeometry geometry = file.present().geometry();
      if (!file.writable(geometry)) {
        throw new ErrnoException(Errno.EROFS, file.name() + " is read-only");
      }
      boolean opening = request.newSizeBytes() == 0 && (changed & FuseProtocol.FATTR_FH) == 0;
      if (!opening && request.newSizeBytes() != geometry.sizeBytes()) {
        throw new ErrnoException(
            Errno.EPERM,
            "truncate "
                + file.name()
                + " to "
                + request.newSizeBytes()
                + ": its size is the device's, "
                + geometry.sizeBytes());
      }
    }
    reply.attributes(unique, tree.attributes(request.nodeId()));
  }

  private void open(long unique) throws ErrnoException {
    ExportedFile file = tree.file(request.nodeId());
    BlockDevice device = file.present();
    boolean writes = (request.openFlags() & FuseProtocol.ACCESS_MODE_MASK) != FuseProtocol.O_RDONLY;
    if (writes && !file.writable(device.geometry())) {
      throw new ErrnoException(Errno.EROFS, file.name() + " is read-only");
    }
    Closeable hold =
        isOwnThread(request.pid())
            ? () -> {} // for a loop device, whose maker has the device in use himself
            : device.hold("FUSE client uid " + request.uid() + " pid " + request.pid());
    try {
      long handle = openFiles.add(new OpenFile(file, writes, hold));
      int flags =
          file.frozen()
              ? FuseProtocol.FOPEN_KEEP_CACHE
              : FuseProtocol.FOPEN_DIRECT_IO | FuseProtocol.FOPEN_PARALLEL_DIRECT_WRITES;
      reply.opened(unique, handle, flags);
    } catch (ErrnoException e) {
      try {
        hold.close();
      } catch (IOException closing) {
        e.addSuppressed(closing);
      }
      throw e;
    }
  }

  /** What the kernel calls pid here is the number of the thread that opens. */
  private static boolean isOwnThread(int pid) {
    return Files.exists(Path.of("/proc/self/task/" + pid));
  }

  private void list(long unique) throws ErrnoException {
    DirectoryEntries entries =
        new DirectoryEntries(
            memory.whole(),
            RequestMemory.DATA_START,
            checkedSize(),
            request.opcode() == FuseProtocol.READDIRPLUS);
    tree.list(request.nodeId(), checkedOffset(), entries);
    reply.data(unique, RequestMemory.DATA_START, entries.usedBytes());
  }
}
