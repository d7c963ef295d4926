package io.sluice.fuse;

import io.sluice.fuse.codec.FuseProtocol;
import io.sluice.fuse.session.RequestMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** The kernel's half of the protocol: requests as its structures have them, byte for byte. */
public final class Kernel {
  private static long lastUnique;

  private Kernel() {}

  /** A request: {@code fuse_in_header} and arguments. */
  public static byte[] request(int opcode, long nodeId, byte[] arguments) {
    byte[] whole = new byte[FuseProtocol.IN_HEADER_BYTES + arguments.length];
    ByteBuffer bytes = ByteBuffer.wrap(whole).order(ByteOrder.nativeOrder());
    bytes.putInt(whole.length).putInt(opcode).putLong(++lastUnique * 2).putLong(nodeId);
    bytes.putInt(1000).putInt(1001).putInt(77).putShort((short) 0).putShort((short) 0);
    bytes.put(arguments);
    return whole;
  }

  /** The {@code unique} of the request made last. */
  public static long unique() {
    return lastUnique * 2;
  }

  /** {@code fuse_read_in}, and {@code fuse_write_in} without its data. */
  public static byte[] io(long handle, long offsetBytes, int sizeBytes, int openFlags) {
    return buffer(FuseProtocol.IO_ARGUMENT_BYTES)
        .putLong(handle)
        .putLong(offsetBytes)
        .putInt(sizeBytes)
        .putInt(0)
        .putLong(0)
        .putInt(openFlags)
        .putInt(0)
        .array();
  }

  public static byte[] read(long handle, long offsetBytes, int sizeBytes) {
    return request(FuseProtocol.READ, 0, io(handle, offsetBytes, sizeBytes, 0));
  }

  public static byte[] write(long handle, long offsetBytes, byte[] data, int openFlags) {
    byte[] arguments = io(handle, offsetBytes, data.length, openFlags);
    return request(
        FuseProtocol.WRITE,
        0,
        buffer(arguments.length + data.length).put(arguments).put(data).array());
  }

  public static byte[] fallocate(long handle, long offsetBytes, long lengthBytes, int mode) {
    return request(
        FuseProtocol.FALLOCATE,
        0,
        buffer(32).putLong(handle).putLong(offsetBytes).putLong(lengthBytes).putInt(mode).array());
  }

  public static byte[] seek(long handle, long offsetBytes, int whence) {
    return request(
        FuseProtocol.LSEEK,
        0,
        buffer(24).putLong(handle).putLong(offsetBytes).putInt(whence).array());
  }

  public static byte[] fsync(long handle) {
    return request(FuseProtocol.FSYNC, 0, buffer(16).putLong(handle).array());
  }

  public static byte[] release(long handle) {
    return request(FuseProtocol.RELEASE, 0, buffer(24).putLong(handle).array());
  }

  public static byte[] open(long nodeId, int flags) {
    return request(FuseProtocol.OPEN, nodeId, buffer(8).putInt(flags).array());
  }

  public static byte[] lookUp(long directory, String name) {
    return request(FuseProtocol.LOOKUP, directory, (name + '\0').getBytes(StandardCharsets.UTF_8));
  }

  public static byte[] getAttributes(long nodeId) {
    return request(FuseProtocol.GETATTR, nodeId, new byte[16]);
  }

  /** {@code fuse_setattr_in} with a size. */
  public static byte[] setAttributes(long nodeId, int valid, long sizeBytes) {
    return request(
        FuseProtocol.SETATTR,
        nodeId,
        buffer(88).putInt(valid).putInt(0).putLong(0).putLong(sizeBytes).array());
  }

  /** {@code fuse_init_in}. */
  public static byte[] init(int major, int minor, long flags) {
    return request(
        FuseProtocol.INIT,
        0,
        buffer(64)
            .putInt(major)
            .putInt(minor)
            .putInt(131072)
            .putInt((int) flags)
            .putInt((int) (flags >>> 32))
            .array());
  }

  /** Puts a request where the kernel would. */
  public static void deliver(byte[] request, RequestMemory memory) {
    memory.whole().put(RequestMemory.REQUEST_START, request);
  }

  /** All bytes of a buffer. */
  public static byte[] bytes(ByteBuffer buffer) {
    byte[] bytes = new byte[buffer.capacity()];
    buffer.duplicate().clear().get(bytes);
    return bytes;
  }

  /** A buffer of zeroes in the machine's byte order. */
  public static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.nativeOrder());
  }
}
