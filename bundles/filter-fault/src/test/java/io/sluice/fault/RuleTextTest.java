package io.sluice.fault;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RuleTextTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "error | error op=discard,flush,read,write,write_zeroes errno=EIO id=4",
        "ERROR read range=1K+0x1 | ",
        "error READ 1K+2k | error op=read range=1024+2048 errno=EIO id=4",
        "error op=write-zeroes errno=enospc | error op=write_zeroes errno=ENOSPC id=4",
        "delay op=flush delay=15ms | delay op=flush delay=15000us id=4",
        "corrupt flips=3 probability=0.5 | corrupt op=read probability=0.5 flips=3 id=4",
        "torn skip=9 count=1 id=70 | torn op=write skip=9 count=1 errno=EIO id=70",
        "drop op=flush | drop op=flush id=4",
        "hang op=write | hang op=write id=4",
        "hang op=write errno=EIO | hang op=write errno=EIO id=4",
        "explode | ",
        "error op=scrub | ",
        "drop op=read | ",
        "corrupt op=flush | ",
        "torn op=discard | ",
        "error probability=1.5 | ",
        "error probability=-1 | ",
        "error delay=1s | ",
        "delay | ",
        "delay delay=0us | ",
        "delay delay=61m | ",
        "error errno=EWHAT | ",
        "error range=5 | ",
        "error range=5+0 | ",
        "error range=1+9223372036854775807 | ",
        "error op=flush range=0+1 | ",
        "corrupt flips=0 | ",
        "corrupt flips=4097 | ",
        "error id=0 | ",
        "error nonsense=1 | ",
      })
  void readsOrRefuses(String typed, String canonical) throws ErrnoException {
    List<String> words = List.of(typed.split(" "));
    if (canonical == null) {
      ErrnoException error = assertThrows(ErrnoException.class, () -> RuleText.parse(words, 4));
      assertEquals(Errno.EINVAL, error.errno(), error.getMessage());
      return;
    }
    String text = sorted(RuleText.format(RuleText.parse(words, 4)));
    assertEquals(canonical, text);
    assertEquals(text, sorted(RuleText.format(RuleText.parse(List.of(text.split(" ")), 99))));
  }

  /** The operations of a rule are a set, in whatever order. */
  private static String sorted(String text) {
    String[] words = text.split(" ");
    assertTrue(words[1].startsWith("op="), text);
    words[1] =
        "op="
            + String.join(
                ",", List.of(words[1].substring(3).split(",")).stream().sorted().toList());
    return String.join(" ", words);
  }
}
