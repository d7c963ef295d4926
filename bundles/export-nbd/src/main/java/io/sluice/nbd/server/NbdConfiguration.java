package io.sluice.nbd.server;

import io.sluice.block.ErrnoException;
import java.util.List;
import java.util.Set;

/**
 * Where the server listens.
 *
 * @param unix the paths of sockets, the agent's own first, each as {@link ListenerSpec}; {@link
 *     #INHERITED} is the socket that the process was started with
 * @param tcp listeners, each {@code host:port}, likewise
 * @param allowRemote whether a TCP listener may have an address that other machines reach without
 *     TLS
 * @param tls what listeners make of TLS that don't say so themselves
 */
public record NbdConfiguration(
    List<String> unix, List<String> tcp, boolean allowRemote, TlsPolicy tls) {
  /** In place of a path: the socket that is standard input, of whatever kind. */
  public static final String INHERITED = InheritedSocket.NAME;

  /** What is left to be opened when {@code open} are. */
  NbdConfiguration without(Set<String> open) {
    return new NbdConfiguration(
        unix.stream().filter(path -> !open.contains(path)).toList(),
        tcp.stream().filter(address -> !open.contains(address)).toList(),
        allowRemote,
        tls);
  }

  /** One of the listeners, or of those that a predecessor had. */
  ListenerSpec spec(String text) throws ErrnoException {
    return ListenerSpec.parse(text, tls);
  }
}
