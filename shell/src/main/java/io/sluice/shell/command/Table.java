package io.sluice.shell.command;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.function.Function;

/**
 * A table for people: a line of headings, then a line for each row, in columns as wide as their
 * widest cell. Of a long list, only the first rows are looked at for the widths and kept in memory.
 *
 * @param <T> what a row shows
 */
public final class Table<T> {
  /** Rows that are looked at for the widths of the columns. */
  static final int MEASURED_ROWS = 1000;

  private final List<Column<T>> columns = new ArrayList<>();

  private record Column<T>(String heading, boolean right, Function<T, Object> cell) {}

  /** Adds a column of words. */
  public Table<T> text(String heading, Function<T, Object> cell) {
    columns.add(new Column<>(heading, false, cell));
    return this;
  }

  /** Adds a column of numbers, aligned to the right. */
  public Table<T> number(String heading, Function<T, Object> cell) {
    columns.add(new Column<>(heading, true, cell));
    return this;
  }

  /** Prints headings and rows. */
  public void print(Iterable<T> rows, PrintWriter out) {
    Iterator<T> rest = rows.iterator();
    List<String[]> measured = new ArrayList<>();
    int[] widths = new int[columns.size()];
    measured.add(headings());
    while (rest.hasNext() && measured.size() <= MEASURED_ROWS) {
      measured.add(cells(rest.next()));
    }
    for (String[] cells : measured) {
      for (int i = 0; i < widths.length; i++) {
        widths[i] = Math.max(widths[i], cells[i].length());
      }
    }
    measured.forEach(cells -> out.println(line(cells, widths)));
    while (rest.hasNext()) {
      out.println(line(cells(rest.next()), widths));
    }
  }

  private String[] headings() {
    return columns.stream().map(Column::heading).toArray(String[]::new);
  }

  private String[] cells(T row) {
    return columns.stream().map(c -> cell(c.cell().apply(row))).toArray(String[]::new);
  }

  private static String cell(Object value) {
    String text = value == null ? "" : value.toString();
    return text.isEmpty() ? "-" : text;
  }

  private String line(String[] cells, int[] widths) {
    StringBuilder line = new StringBuilder();
    for (int i = 0; i < widths.length; i++) {
      String pad = " ".repeat(Math.max(0, widths[i] - cells[i].length()));
      line.append(i == 0 ? "" : "  ");
      line.append(columns.get(i).right() ? pad + cells[i] : cells[i] + pad);
    }
    return line.toString().stripTrailing();
  }
}
