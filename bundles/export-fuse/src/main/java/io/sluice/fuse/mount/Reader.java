package io.sluice.fuse.mount;

import io.sluice.fuse.session.RequestMemory;
import io.sluice.fuse.session.Session;
import io.sluice.linux.fuse.FuseDescriptor;

/** One thread of a mount: takes a request, serves it, replies. */
final class Reader implements Runnable {
  private static final System.Logger LOG = System.getLogger(Reader.class.getPackageName());

  private final Readers readers;
  private final FuseDescriptor descriptor;
  private final RequestMemory memory;
  private final Session session;
  private final long address;
  private long count;
  private volatile long servedCount;

  Reader(Readers readers, FuseDescriptor descriptor, RequestMemory memory, Session session) {
    this.readers = readers;
    this.descriptor = descriptor;
    this.memory = memory;
    this.session = session;
    this.address = FuseDescriptor.address(memory.whole());
  }

  FuseDescriptor descriptor() {
    return descriptor;
  }

  RequestMemory memory() {
    return memory;
  }

  /** How many requests it has served. */
  long servedCount() {
    return servedCount;
  }

  @Override
  public void run() {
    boolean connected = true;
    try {
      while (connected && readers.rest()) {
        connected = serveOne();
      }
    } finally {
      readers.ended(this, connected);
    }
  }

  /** Returns false at the connection's end. */
  private boolean serveOne() {
    long received =
        descriptor.read(address + RequestMemory.REQUEST_START, RequestMemory.REQUEST_MAX_BYTES);
    int idleCount = readers.woke();
    if (received < 0) {
      return mayGoOn((int) -received);
    }
    boolean slow = session.accept((int) received);
    if (idleCount == 0) {
      readers.noneIdle(slow);
    }
    session.serve();
    if (session.replyBytes() > 0) {
      // ENOENT: nobody waits any more. All else shows in the next read.
      descriptor.write(address + session.replyStartBytes(), session.replyBytes());
    }
    servedCount = ++count;
    return true;
  }

  private static boolean mayGoOn(int errno) {
    switch (errno) {
      case FuseDescriptor.ENOENT, FuseDescriptor.EINTR, FuseDescriptor.EAGAIN -> {
        return true;
      }
      case FuseDescriptor.ENODEV, FuseDescriptor.ECONNABORTED -> {
        return false;
      }
      default -> {
        LOG.log(System.Logger.Level.ERROR, "read of /dev/fuse: error " + errno);
        return false;
      }
    }
  }
}
