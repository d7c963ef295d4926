package io.sluice.shell.command;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class CtlLayoutTest {
  private static Map<String, Object> ordered(Object... namesAndValues) {
    Map<String, Object> map = new LinkedHashMap<>();
    for (int i = 0; i < namesAndValues.length; i += 2) {
      map.put((String) namesAndValues[i], namesAndValues[i + 1]);
    }
    return map;
  }

  private static String shown(Map<String, Object> result) {
    return Answer.of(result, new CtlLayout(result)).toString();
  }

  @Test
  void plainValuesAreLinesAndListsOfThingsAreTables() {
    Map<String, Object> result =
        ordered(
            "seed",
            3,
            "rules",
            List.of(ordered("id", 9, "rule_text", "error"), ordered("id", 10, "rule_text", "drop")),
            "names",
            List.of("a", "b"));
    assertEquals(
        """
        seed:  3
        names: [a, b]

        ID  RULE-TEXT
         9  error
        10  drop""",
        shown(result));
  }

  @Test
  void aTableAloneHasNothingAboveIt() {
    assertEquals("ID\n 1", shown(ordered("rules", List.of(ordered("id", 1)))));
    assertEquals("rules: []", shown(ordered("rules", List.of())));
    assertEquals("", shown(Map.of()));
  }
}
