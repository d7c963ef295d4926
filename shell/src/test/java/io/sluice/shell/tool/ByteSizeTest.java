package io.sluice.shell.tool;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ByteSizeTest {
  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "1, 1",
    "512, 512",
    "1K, 1024",
    "1k, 1024",
    "512M, 536870912",
    "512m, 536870912",
    "1G, 1073741824",
    "3g, 3221225472",
    "2T, 2199023255552",
    "2t, 2199023255552",
    "8388607T, 9223370937343148032",
    "9223372036854775807, 9223372036854775807"
  })
  void parse_takesBytesAndSuffixesInEitherCase(String text, long bytes) throws Exception {
    assertEquals(bytes, ByteSize.parse(text).bytes());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", " ", "K", "-1", "+1", "1.5G", "1KB", "1KiB", "1P", "1 K", "0x10", "1M1", "１"})
  void parse_refusesAnythingElse(String text) {
    ErrnoException e = assertThrows(ErrnoException.class, () -> ByteSize.parse(text));
    assertEquals(Errno.EINVAL, e.errno());
    assertTrue(e.getMessage().contains("\"" + text + "\""), e.getMessage());
  }

  @ParameterizedTest
  @ValueSource(strings = {"9223372036854775808", "8388608T", "99999999999999999999K"})
  void parse_refusesWhatDoesNotFit(String text) {
    ErrnoException e = assertThrows(ErrnoException.class, () -> ByteSize.parse(text));
    assertEquals(Errno.EOVERFLOW, e.errno());
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "1023, 1023",
    "1024, 1K",
    "1536, 1.5K",
    "67108864, 64M",
    "1610612736, 1.5G",
    "1125899906842624, 1024T"
  })
  void human_isShort(long bytes, String text) {
    assertEquals(text, ByteSize.human(bytes));
  }
}
