package io.sluice.shell.command;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What a filter answered, for people: its plain values a line each, and each list of things as a
 * table below, whose columns are what the first of them has.
 */
final class CtlLayout implements Answer.Layout {
  private final Map<String, Object> result;

  CtlLayout(Map<String, Object> result) {
    this.result = result;
  }

  @Override
  public void print(PrintWriter out) {
    Sheet sheet = new Sheet();
    List<List<Map<?, ?>>> tables = new ArrayList<>();
    result.forEach(
        (name, value) -> {
          List<Map<?, ?>> rows = rows(value);
          if (rows.isEmpty()) {
            sheet.line(name, value);
          } else {
            tables.add(rows);
          }
        });
    boolean first = tables.size() == result.size();
    sheet.print(out);
    for (List<Map<?, ?>> rows : tables) {
      if (!first) {
        out.println();
      }
      first = false;
      table(rows.get(0)).print(rows, out);
    }
  }

  /** The rows of a list that holds nothing but things with names; else empty. */
  private static List<Map<?, ?>> rows(Object value) {
    List<Map<?, ?>> rows = new ArrayList<>();
    if (value instanceof List<?> list) {
      for (Object each : list) {
        if (!(each instanceof Map<?, ?> row)) {
          return List.of();
        }
        rows.add(row);
      }
    }
    return rows;
  }

  private static Table<Map<?, ?>> table(Map<?, ?> example) {
    Table<Map<?, ?>> table = new Table<>();
    example.forEach(
        (name, value) -> {
          String heading = name.toString().toUpperCase(Locale.ROOT).replace('_', '-');
          if (value instanceof Number) {
            table.number(heading, row -> row.get(name));
          } else {
            table.text(heading, row -> row.get(name));
          }
        });
    return table;
  }
}
