package io.sluice.shell.control;

import java.io.IOException;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.UserPrincipal;
import java.util.Optional;
import jdk.net.ExtendedSocketOptions;

/**
 * Who may control the agent: its own user and root, by what the kernel says of the peer. The
 * socket's mode keeps others out already; this holds even if somebody opens it up.
 */
final class PeerCheck {
  private final UserPrincipal owner;
  private final Optional<UserPrincipal> root;

  PeerCheck(UserPrincipal owner, Optional<UserPrincipal> root) {
    this.owner = owner;
    this.root = root;
  }

  /** Lets the file's owner in, and root. */
  static PeerCheck ownerOf(Path file) throws IOException {
    UserPrincipal owner = Files.getOwner(file, LinkOption.NOFOLLOW_LINKS);
    Optional<UserPrincipal> root;
    try {
      root =
          Optional.of(
              file.getFileSystem().getUserPrincipalLookupService().lookupPrincipalByName("root"));
    } catch (IOException e) {
      // A system without a user of that name: only the owner.
      root = Optional.empty();
    }
    return new PeerCheck(owner, root);
  }

  /**
   * Whether the peer may control the agent.
   *
   * @return who is refused, or null if the peer may
   */
  String refused(SocketChannel client) throws IOException {
    UserPrincipal peer = client.getOption(ExtendedSocketOptions.SO_PEERCRED).user();
    boolean allowed = peer.equals(owner) || root.filter(peer::equals).isPresent();
    return allowed ? null : peer.getName();
  }

  /** Who may. */
  String allowed() {
    return owner.getName() + " and root";
  }
}
