package io.sluice.nbd.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.net.InetAddress;
import java.nio.file.FileSystems;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Whom rules let in. */
class AccessRulesTest {
  private static Peer user(String uid, boolean own) throws Exception {
    return Peer.of(
        FileSystems.getDefault().getUserPrincipalLookupService().lookupPrincipalByName(uid), own);
  }

  private static Peer at(String address) throws Exception {
    return Peer.of(InetAddress.getByName(address), 1234);
  }

  private static boolean admits(String rules, Peer peer) throws ErrnoException {
    return AccessRules.parse(rules).admits(peer);
  }

  @Test
  void byDefaultItIsTheAgentsOwnUserAndRootAndThisMachine() throws Exception {
    assertTrue(admits(AccessRules.DEFAULT, user("0", false)));
    assertTrue(admits(AccessRules.DEFAULT, user("12345", true)));
    assertFalse(admits(AccessRules.DEFAULT, user("12345", false)));
    assertTrue(admits(AccessRules.DEFAULT, at("127.0.0.7")));
    assertTrue(admits(AccessRules.DEFAULT, at("::1")));
    assertFalse(admits(AccessRules.DEFAULT, at("10.0.0.1")));
    assertFalse(admits(AccessRules.DEFAULT, at("10.0.0.1").certified(List.of("root"))));
  }

  @Test
  void noRulesAreNobody() throws Exception {
    assertFalse(admits("", user("0", true)));
    assertFalse(admits(" , ", at("127.0.0.1")));
    assertTrue(admits("any", at("192.0.2.1")));
  }

  @ParameterizedTest
  @CsvSource({
    "10.1.0.0/16, 10.1.255.255, true",
    "10.1.0.0/16, 10.2.0.0, false",
    "10.1.2.0/23, 10.1.3.9, true",
    "10.1.2.0/23, 10.1.4.0, false",
    "10.1.2.3, 10.1.2.3, true",
    "10.1.2.3, 10.1.2.2, false",
    "0.0.0.0/0, 203.0.113.9, true",
    "0.0.0.0/0, ::1, false",
    "fd00::/8, fd12::1, true",
    "fd00::/8, fe80::1, false",
    "::/0, 10.0.0.1, false"
  })
  void addresses(String network, String address, boolean admitted) throws Exception {
    assertEquals(admitted, admits("address:" + network, at(address)));
  }

  @ParameterizedTest
  @CsvSource({
    "alice, alice, true",
    "alice, Alice, true",
    "alice, alice.evil, false",
    "backup-*, backup-7, true",
    "backup-*, my-backup-7, false",
    "*.example.com, host.example.com, true",
    "*.example.com, host.exampleXcom, false",
    "*, x, true"
  })
  void certificates(String pattern, String name, boolean admitted) throws Exception {
    Peer peer = at("192.0.2.1");
    AccessRules rules = AccessRules.parse("cert:" + pattern);
    assertFalse(rules.admits(peer), "without one");
    assertTrue(rules.mayAdmit(peer), "it may show one");
    assertEquals(admitted, rules.admits(peer.certified(List.of("other", name))));
  }

  @Test
  void allConditionsOfARuleMustHold() throws Exception {
    AccessRules rules = AccessRules.parse("address:10.0.0.0/8+cert:alice, user:0");
    assertTrue(rules.admits(at("10.0.0.1").certified(List.of("alice"))));
    assertFalse(rules.admits(at("10.0.0.1")));
    assertFalse(rules.admits(at("11.0.0.1").certified(List.of("alice"))));
    assertFalse(rules.mayAdmit(at("11.0.0.1")), "no certificate can help");
    assertTrue(rules.admits(user("0", false)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "all",
        "user",
        "user:",
        "user:no-such-user-here",
        "address:host.example",
        "address:10.0.0.0/33",
        "address:10.0.0",
        "address:1:2",
        "cert:",
        "any+",
        "group:x"
      })
  void nonsenseIsRefused(String rule) {
    ErrnoException e =
        assertThrows(ErrnoException.class, () -> AccessRules.parse("user:self," + rule));
    assertEquals(Errno.EINVAL, e.errno());
    assertTrue(e.getMessage().contains("\"" + rule + "\""), e.getMessage());
  }

  @Test
  void thereIsALimitOfRules() {
    String rules = "any,".repeat(AccessRules.RULES_MAX + 1);
    assertTrue(
        assertThrows(ErrnoException.class, () -> AccessRules.parse(rules))
            .getMessage()
            .contains("257"));
  }
}
