package io.sluice.nbd.server;

import java.net.InetAddress;
import java.nio.file.attribute.UserPrincipal;
import java.util.List;

/**
 * Who a client is, as far as the kernel and its certificate say.
 *
 * @param name for people
 * @param user whose process it is, on a unix socket, else null
 * @param own whether that is the agent's own user
 * @param address where it is, on TCP, else null
 * @param certificateNames what its verified certificate calls it; empty without one
 */
record Peer(
    String name,
    UserPrincipal user,
    boolean own,
    InetAddress address,
    List<String> certificateNames) {

  /** A process of a user on this machine. */
  static Peer of(UserPrincipal user, boolean own) {
    return new Peer("user " + user.getName(), user, own, null, List.of());
  }

  /** Somebody at an address. */
  static Peer of(InetAddress address, int port) {
    return new Peer(address.getHostAddress() + ":" + port, null, false, address, List.of());
  }

  /** The same with a certificate. */
  Peer certified(List<String> names) {
    return new Peer(
        names.isEmpty() ? name : name + " (" + names.get(0) + ")", user, own, address, names);
  }

  /** What all connections of one client have in common. */
  Object client() {
    return user == null ? address : user;
  }
}
