package io.sluice.nbd.server;

import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/**
 * Where the server listens.
 *
 * @param unixSocket the path of the agent's own socket, or null for none
 * @param tcp listeners, each {@code host:port}
 * @param allowRemote whether a TCP listener may have an address that other machines reach
 */
public record NbdConfiguration(Path unixSocket, List<String> tcp, boolean allowRemote) {
  /** What is left to be opened when {@code open} are. */
  NbdConfiguration without(Set<String> open) {
    return new NbdConfiguration(
        unixSocket == null || open.contains(unixSocket.toString()) ? null : unixSocket,
        tcp.stream().filter(address -> !open.contains(address)).toList(),
        allowRemote);
  }
}
