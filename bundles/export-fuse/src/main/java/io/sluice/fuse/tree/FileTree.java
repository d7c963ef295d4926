package io.sluice.fuse.tree;

import io.sluice.block.DeviceRole;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.fuse.codec.Attributes;
import io.sluice.fuse.codec.DirectoryEntries;
import io.sluice.fuse.codec.FuseLimits;
import io.sluice.fuse.codec.FuseProtocol;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The inodes of one mount. Numbers are never used again, so the kernel's memory of one that is gone
 * leads nowhere, and nobody has to count what it forgets. Thread-safe.
 */
public final class FileTree {
  /** The root's inode, by the protocol. */
  public static final long ROOT = 1;

  /** The directory of live devices. */
  public static final String LIVE_DIRECTORY = "dev";

  /** The directory of images. */
  public static final String IMAGE_DIRECTORY = "images";

  private static final long LIVE_INODE = 2;
  private static final long IMAGE_INODE = 3;

  /** Cookies of "." and "..", in front of those of what a directory has. */
  private static final long SELF_COOKIE = 1;

  private static final long PARENT_COOKIE = 2;

  private final Owner owner;
  private final long madeNanos = ExportedFile.nowNanos();
  private final TreeMap<Long, Node> nodes = new TreeMap<>();
  private long nextInode = IMAGE_INODE + 1;

  /** An inode: a file, or a directory if {@code file} is null. The root is its own parent. */
  private record Node(long inode, long parent, String name, ExportedFile file) {}

  private FileTree(Owner owner) {
    this.owner = owner;
  }

  /** A tree with a directory of live devices and one of images. */
  public static FileTree ofDirectories(Owner owner) {
    FileTree tree = new FileTree(owner);
    tree.put(new Node(ROOT, ROOT, "", null));
    tree.put(new Node(LIVE_INODE, ROOT, LIVE_DIRECTORY, null));
    tree.put(new Node(IMAGE_INODE, ROOT, IMAGE_DIRECTORY, null));
    return tree;
  }

  /** A tree that is a single file. */
  public static FileTree ofFile(Owner owner, ExportedFile file) {
    FileTree tree = new FileTree(owner);
    tree.put(new Node(ROOT, ROOT, "", file));
    return tree;
  }

  private void put(Node node) {
    nodes.put(node.inode, node);
  }

  /**
   * Shows a file under its device's name.
   *
   * @return false if the name is taken, or can't be a file's; nothing has changed then
   */
  public synchronized boolean add(ExportedFile file) {
    long parent = file.role() == DeviceRole.IMAGE ? IMAGE_INODE : LIVE_INODE;
    if (!isFileName(file.name()) || child(parent, file.name()) != null) {
      return false;
    }
    put(new Node(nextInode++, parent, file.name(), file));
    return true;
  }

  /** Takes a file away. What is open stays so, and fails. */
  public synchronized void remove(ExportedFile file) {
    file.remove();
    nodes.values().removeIf(node -> node.file == file);
  }

  /** Type and permissions of the root. */
  public int rootMode() throws ErrnoException {
    return attributes(ROOT).mode();
  }

  /** How many files there are. */
  public synchronized int fileCount() {
    return (int) nodes.values().stream().filter(node -> node.file != null).count();
  }

  /**
   * What a name in a directory leads to.
   *
   * @throws ErrnoException ENOENT, ENOTDIR; what the device reports
   */
  public Attributes lookUp(long directory, String name) throws ErrnoException {
    checkDirectory(directory);
    Node child = child(directory, name);
    if (child == null) {
      throw new ErrnoException(Errno.ENOENT, "no device or image: " + name);
    }
    // Without the lock: it may ask the device.
    return attributes(child);
  }

  /**
   * What stat(2) shows.
   *
   * @throws ErrnoException ENODEV for an inode that is gone; what the device reports
   */
  public Attributes attributes(long inode) throws ErrnoException {
    return attributes(node(inode));
  }

  /**
   * An inode's file.
   *
   * @throws ErrnoException ENODEV for an inode that is gone; EISDIR
   */
  public ExportedFile file(long inode) throws ErrnoException {
    ExportedFile file = node(inode).file;
    if (file == null) {
      throw new ErrnoException(Errno.EISDIR, "inode " + inode + " is a directory");
    }
    return file;
  }

  /**
   * Lists a directory.
   *
   * @param cookie of the entry before the first one wanted, or 0
   * @throws ErrnoException ENODEV for an inode that is gone; ENOTDIR
   */
  public void list(long directory, long cookie, DirectoryEntries into) throws ErrnoException {
    Node self = checkDirectory(directory);
    boolean room =
        cookie >= SELF_COOKIE || into.add(".", SELF_COOKIE, attributes(directory), false);
    room =
        room
            && (cookie >= PARENT_COOKIE
                || into.add("..", PARENT_COOKIE, attributes(self.parent), false));
    for (Node child : room ? children(directory, cookie) : List.<Node>of()) {
      try {
        if (!into.add(child.name, childCookie(child), attributes(child), true)) {
          return;
        }
      } catch (ErrnoException e) {
        // Removed meanwhile: it is as if it had been so before.
      }
    }
  }

  private synchronized List<Node> children(long directory, long cookie) {
    List<Node> children = new ArrayList<>();
    for (Map.Entry<Long, Node> entry : nodes.entrySet()) {
      Node node = entry.getValue();
      if (node.parent == directory && node.inode != ROOT && childCookie(node) > cookie) {
        children.add(node);
      }
    }
    return children;
  }

  private static long childCookie(Node child) {
    return PARENT_COOKIE + child.inode;
  }

  private synchronized Node child(long directory, String name) {
    for (Node node : nodes.values()) {
      if (node.parent == directory && node.inode != ROOT && node.name.equals(name)) {
        return node;
      }
    }
    return null;
  }

  private synchronized Node node(long inode) throws ErrnoException {
    Node node = nodes.get(inode);
    if (node == null) {
      throw new ErrnoException(Errno.ENODEV, "inode " + inode + ": the device was removed");
    }
    return node;
  }

  private Node checkDirectory(long inode) throws ErrnoException {
    Node node = node(inode);
    if (node.file != null) {
      throw new ErrnoException(Errno.ENOTDIR, node.name + " is a file");
    }
    return node;
  }

  private Attributes attributes(Node node) throws ErrnoException {
    if (node.file != null) {
      return node.file.attributes(node.inode, owner);
    }
    return new Attributes(
        node.inode,
        0,
        0,
        madeNanos,
        FuseProtocol.S_IFDIR | owner.directoryMode(),
        2,
        owner.uid(),
        owner.gid(),
        1);
  }

  private static boolean isFileName(String name) {
    return !name.isEmpty()
        && !name.equals(".")
        && !name.equals("..")
        && name.indexOf('/') < 0
        && name.indexOf('\0') < 0
        && name.getBytes(StandardCharsets.UTF_8).length <= FuseLimits.NAME_MAX_BYTES;
  }
}
