package io.sluice.blksnap.osgi;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * A directory in memory whose user crashes, or is told of an error, at a call of his choice. After
 * a power loss it has the names that were durable, and of later changes any number in their order;
 * and of each file's bytes those that were durable, or any share of the rest.
 */
class CrashingFiles implements StateFiles {
  /** The crash. */
  static final class Crash extends Error {
    private static final long serialVersionUID = 1L;
  }

  /** How many shares of undurable bytes a power loss may leave: none, half, all. */
  static final int SHARE_COUNT = 3;

  private static final class Inode {
    private byte[] bytes = {};
    private byte[] durable = {};
  }

  private Map<String, Inode> names = new TreeMap<>();
  private Map<String, Inode> durableNames = new TreeMap<>();
  private final List<Consumer<Map<String, Inode>>> undurable = new ArrayList<>();
  private int calls;
  private int crashAt;
  private int failAt;

  /** The next calls are counted from 1; 0 for no crash or failure. */
  void plan(int crashAtCall, int failAtCall) {
    calls = 0;
    crashAt = crashAtCall;
    failAt = failAtCall;
  }

  /** Calls since {@link #plan}. */
  int calls() {
    return calls;
  }

  /** Changes of names that are not durable yet. */
  int undurableCount() {
    return undurable.size();
  }

  /** The power is lost, and comes back. */
  void losePower(int changesKept, int share) {
    undurable.subList(0, changesKept).forEach(change -> change.accept(durableNames));
    undurable.clear();
    names = new TreeMap<>(durableNames);
    for (Inode inode : names.values()) {
      int least = Math.min(inode.durable.length, inode.bytes.length);
      int kept = least + (inode.bytes.length - least) * share / (SHARE_COUNT - 1);
      inode.bytes = java.util.Arrays.copyOf(inode.bytes, kept);
      inode.durable = inode.bytes;
    }
  }

  private void call() throws IOException {
    calls++;
    if (calls == crashAt) {
      throw new Crash();
    }
    if (calls == failAt) {
      throw new IOException("injected at call " + calls);
    }
  }

  private void change(Consumer<Map<String, Inode>> change) {
    change.accept(names);
    undurable.add(change);
  }

  private Inode inode(String name) throws IOException {
    Inode inode = names.get(name);
    if (inode == null) {
      throw new IOException("no file " + name);
    }
    return inode;
  }

  @Override
  public boolean exists(String name) {
    return names.containsKey(name);
  }

  @Override
  public InputStream read(String name) throws IOException {
    call();
    return new ByteArrayInputStream(inode(name).bytes);
  }

  @Override
  public Output create(String name) throws IOException {
    call();
    Inode inode = new Inode();
    change(all -> all.put(name, inode));
    call();
    return new Writing(inode);
  }

  private final class Writing extends OutputStream implements Output {
    private final Inode inode;

    Writing(Inode inode) {
      this.inode = inode;
    }

    @Override
    public OutputStream stream() {
      return this;
    }

    @Override
    public void write(int value) throws IOException {
      write(new byte[] {(byte) value}, 0, 1);
    }

    /** In two halves, so that a crash may leave one. */
    @Override
    public void write(byte[] data, int offset, int length) throws IOException {
      int half = length / 2;
      append(data, offset, half);
      append(data, offset + half, length - half);
    }

    private void append(byte[] data, int offset, int length) throws IOException {
      call();
      ByteArrayOutputStream all = new ByteArrayOutputStream();
      all.write(inode.bytes);
      all.write(data, offset, length);
      inode.bytes = all.toByteArray();
    }

    @Override
    public void force() throws IOException {
      call();
      inode.durable = inode.bytes;
    }

    @Override
    public void close() throws IOException {
      call();
    }
  }

  @Override
  public void rename(String from, String to) throws IOException {
    call();
    inode(from);
    change(all -> all.put(to, all.remove(from)));
  }

  @Override
  public void delete(String name) throws IOException {
    call();
    inode(name);
    change(all -> all.remove(name));
  }

  @Override
  public void forceNames() throws IOException {
    call();
    undurable.clear();
    durableNames = new TreeMap<>(names);
  }
}
