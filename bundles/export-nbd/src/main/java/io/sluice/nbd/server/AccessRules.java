package io.sluice.nbd.server;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.FileSystems;
import java.nio.file.attribute.UserPrincipal;
import java.nio.file.attribute.UserPrincipalNotFoundException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Who is let in: anybody whom one of the rules names. A rule is {@code any}, or conditions joined
 * by {@code +} that must all hold: {@code user:NAME} with a name, a number, or {@code self}; {@code
 * address:ADDRESS[/BITS]} or {@code address:loopback}; {@code cert:PATTERN} with {@code *} for any
 * characters, over the names in a verified certificate. Immutable.
 */
final class AccessRules {
  /** The agent's own user and root on this machine. */
  static final String DEFAULT = "user:self,user:root,address:loopback";

  /** Nobody at all. */
  static final AccessRules NOBODY = new AccessRules("", List.of());

  /** How many rules there may be. */
  static final int RULES_MAX = 256;

  private static final Pattern ADDRESS =
      Pattern.compile("([0-9]+(?:\\.[0-9]+){3}|[0-9a-fA-F.]*:[0-9a-fA-F:.]*)(?:/([0-9]{1,3}))?");

  private final String text;
  private final List<Rule> rules;

  /** What must hold of a peer, and of its certificate apart from that, which comes later. */
  private record Rule(Predicate<Peer> before, Predicate<Peer> certificate) {
    boolean admits(Peer peer) {
      return before.test(peer) && certificate.test(peer);
    }
  }

  private AccessRules(String text, List<Rule> rules) {
    this.text = text;
    this.rules = rules;
  }

  /**
   * Reads rules with commas between them; none at all is nobody.
   *
   * @throws ErrnoException EINVAL for what is no rule, and says why
   */
  static AccessRules parse(String text) throws ErrnoException {
    List<String> words =
        Arrays.stream(text.split(",")).map(String::strip).filter(w -> !w.isEmpty()).toList();
    if (words.size() > RULES_MAX) {
      throw new ErrnoException(
          Errno.EINVAL, words.size() + " access rules, the limit is " + RULES_MAX);
    }
    List<Rule> rules = new ArrayList<>();
    for (String word : words) {
      rules.add(rule(word));
    }
    return new AccessRules(words.stream().collect(Collectors.joining(",")), List.copyOf(rules));
  }

  private static Rule rule(String word) throws ErrnoException {
    Predicate<Peer> before = AccessRules::isAnybody;
    Predicate<Peer> certificate = AccessRules::isAnybody;
    for (String condition : word.split("\\+", -1)) {
      int colon = condition.indexOf(':');
      String kind = colon < 0 ? condition : condition.substring(0, colon);
      String value = condition.substring(colon + 1);
      if (colon >= 0 && value.isEmpty()) {
        throw refuse(word, "nothing follows \"" + kind + ":\"");
      }
      switch (colon < 0 ? kind : kind + ":") {
        case "any" -> {
          // Takes nothing away from anybody.
        }
        case "user:" -> before = before.and(user(word, value));
        case "address:" -> before = before.and(address(word, value));
        case "cert:" -> certificate = certificate.and(certificate(value));
        default -> throw refuse(word, "it must be any, user:, address: or cert:, joined by +");
      }
    }
    return new Rule(before, certificate);
  }

  private static boolean isAnybody(Peer peer) {
    return peer != null;
  }

  private static ErrnoException refuse(String rule, String why) {
    return new ErrnoException(Errno.EINVAL, "access rule \"" + rule + "\": " + why);
  }

  private static Predicate<Peer> user(String rule, String name) throws ErrnoException {
    if (name.equals("self")) {
      return Peer::own;
    }
    try {
      UserPrincipal user =
          FileSystems.getDefault().getUserPrincipalLookupService().lookupPrincipalByName(name);
      return peer -> user.equals(peer.user());
    } catch (UserPrincipalNotFoundException e) {
      throw refuse(rule, "there is no user " + name);
    } catch (IOException e) {
      throw refuse(rule, e.toString());
    }
  }

  private static Predicate<Peer> address(String rule, String text) throws ErrnoException {
    if (text.equals("loopback")) {
      return peer -> peer.address() != null && peer.address().isLoopbackAddress();
    }
    var parts = ADDRESS.matcher(text);
    if (!parts.matches()) {
      throw refuse(rule, "give an address in numbers, as in 10.1.0.0/16 or fd00::/8");
    }
    try {
      byte[] network = InetAddress.getByName(parts.group(1)).getAddress();
      int bits = parts.group(2) == null ? 8 * network.length : Integer.parseInt(parts.group(2));
      if (bits > 8 * network.length) {
        throw refuse(rule, bits + " bits, the address has " + 8 * network.length);
      }
      return peer -> peer.address() != null && isIn(peer.address().getAddress(), network, bits);
    } catch (UnknownHostException e) {
      throw refuse(rule, "\"" + parts.group(1) + "\" is no address");
    }
  }

  private static boolean isIn(byte[] address, byte[] network, int bits) {
    if (address.length != network.length) {
      return false;
    }
    for (int bit = 0; bit < bits; bit++) {
      int mask = 0x80 >> (bit & 7);
      if ((address[bit >> 3] & mask) != (network[bit >> 3] & mask)) {
        return false;
      }
    }
    return true;
  }

  private static Predicate<Peer> certificate(String pattern) {
    Pattern names =
        Pattern.compile(
            Arrays.stream(pattern.split("\\*", -1))
                .map(Pattern::quote)
                .collect(Collectors.joining(".*")),
            Pattern.CASE_INSENSITIVE | Pattern.DOTALL);
    return peer -> peer.certificateNames().stream().anyMatch(n -> names.matcher(n).matches());
  }

  /** Whether this peer is let in. */
  boolean admits(Peer peer) {
    return rules.stream().anyMatch(rule -> rule.admits(peer));
  }

  /** Whether this peer would be, if it showed the right certificate. */
  boolean mayAdmit(Peer peer) {
    return rules.stream().anyMatch(rule -> rule.before().test(peer));
  }

  /** The rules as {@link #parse} takes them. */
  @Override
  public String toString() {
    return text;
  }
}
