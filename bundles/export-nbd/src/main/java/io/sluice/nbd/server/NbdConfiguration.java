package io.sluice.nbd.server;

import java.nio.file.Path;
import java.util.List;

/**
 * Where the server listens.
 *
 * @param unixSocket the path of the agent's own socket, or null for none
 * @param tcp listeners, each {@code host:port}
 * @param allowRemote whether a TCP listener may have an address that other machines reach
 */
public record NbdConfiguration(Path unixSocket, List<String> tcp, boolean allowRemote) {}
