package io.sluice.block;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Locale;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Names and numbers of errors lead to each other, and messages are whole lines. */
class ErrnoTest {
  @Test
  void numbersAndNamesLeadBack() {
    for (Errno errno : Errno.values()) {
      assertEquals(errno, Errno.ofNumber(errno.number()));
      assertEquals(Optional.of(errno), Errno.ofName(errno.name().toLowerCase(Locale.ROOT)));
    }
    assertEquals(Errno.EIO, Errno.ofNumber(12345), "what is not listed is an I/O error");
    assertTrue(Errno.ofName("ENOSUCH").isEmpty());
  }

  @Test
  void aMessageStartsWithTheName_andTheTextIsTheRest() {
    ErrnoException e = new ErrnoException(Errno.ENOSPC, "store /x: full at 5 bytes");
    assertEquals("ENOSPC: store /x: full at 5 bytes", e.getMessage());
    assertEquals("store /x: full at 5 bytes", e.text());
  }
}
