package io.sluice.fuse.session;

import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceRole;
import io.sluice.fuse.Kernel;
import io.sluice.fuse.tree.ExportedFile;
import io.sluice.fuse.tree.FileTree;
import io.sluice.fuse.tree.OpenFiles;
import io.sluice.fuse.tree.Owner;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** A session with one device, and its replies. */
final class Answers {
  final FileTree tree;
  final OpenFiles openFiles;
  final ExportedFile file;
  private final RequestMemory memory = new RequestMemory();
  private final Session session;

  private Answers(FileTree tree, OpenFiles openFiles, ExportedFile file) {
    this.tree = tree;
    this.openFiles = openFiles;
    this.file = file;
    this.session = new Session(tree, openFiles, memory);
  }

  /** What another thread of the same mount uses. */
  Answers beside() {
    return new Answers(tree, openFiles, file);
  }

  Answers(BlockDevice device, DeviceRole role, boolean readOnly) {
    this(
        FileTree.ofDirectories(new Owner(1000, 1001, false)),
        new OpenFiles(),
        new ExportedFile("disk", role, device, readOnly));
    if (!tree.add(file)) {
      throw new AssertionError("disk is taken");
    }
  }

  /** What a request leads to: an error, negative or 0, and a body. */
  record Answer(int error, ByteBuffer body) {
    byte[] bytes() {
      byte[] bytes = new byte[body.remaining()];
      body.duplicate().get(bytes);
      return bytes;
    }
  }

  /** Asks, from a thread beside that of the test. */
  void askUnchecked(byte[] request) {
    Kernel.deliver(request, memory);
    session.accept(request.length);
    session.serve();
  }

  /** Asks; null if there is no answer. */
  Answer ask(byte[] request) {
    askUnchecked(request);
    if (session.replyBytes() == 0) {
      return null;
    }
    byte[] reply = new byte[session.replyBytes()];
    memory.whole().get(session.replyStartBytes(), reply);
    ByteBuffer buffer = ByteBuffer.wrap(reply).order(ByteOrder.nativeOrder());
    int length = buffer.getInt();
    int error = buffer.getInt();
    long unique = buffer.getLong();
    if (length != reply.length || unique != Kernel.unique()) {
      throw new AssertionError("length " + length + " of " + reply.length + ", unique " + unique);
    }
    return new Answer(error, buffer);
  }

  /** The body of a request that must succeed. */
  ByteBuffer get(byte[] request) {
    Answer answer = ask(request);
    if (answer.error != 0) {
      throw new AssertionError("error " + answer.error);
    }
    return answer.body;
  }

  long inode() {
    long directory =
        get(Kernel.lookUp(FileTree.ROOT, file.role().property().equals("live") ? "dev" : "images"))
            .getLong();
    return get(Kernel.lookUp(directory, "disk")).getLong();
  }

  long open(int flags) {
    return get(Kernel.open(inode(), flags)).getLong();
  }
}
