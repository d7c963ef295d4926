package io.sluice.shell.command;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.Map;

/**
 * What a command found out: data for programs, and the way people see it. Printed by whoever called
 * the command; in a Gogo pipe, its text is what people see.
 */
public final class Answer {
  private final Object data;
  private final Layout layout;

  private Answer(Object data, Layout layout) {
    this.data = data;
    this.layout = layout;
  }

  /** Nothing to say to people; programs get {@code data}. */
  public static Answer quiet(Object data) {
    return new Answer(data, out -> {});
  }

  /** Nothing to say at all. */
  public static Answer none() {
    return quiet(Map.of());
  }

  /** One line for people. */
  public static Answer line(String text, Object data) {
    return new Answer(data, out -> out.println(text));
  }

  /** A list, as a table. */
  public static <T> Answer table(List<T> rows, Table<T> table) {
    return new Answer(rows, out -> table.print(rows, out));
  }

  /** Whatever {@code layout} prints. */
  public static Answer of(Object data, Layout layout) {
    return new Answer(data, layout);
  }

  /** What programs get: a record, a list, an ordered map, or a plain value. */
  public Object data() {
    return data;
  }

  /** Prints what people see. */
  public void print(PrintWriter out) {
    layout.print(out);
  }

  /** What people see, without the last line's end. */
  @Override
  public String toString() {
    StringWriter text = new StringWriter();
    try (PrintWriter out = new PrintWriter(text)) {
      print(out);
    }
    return text.toString().stripTrailing();
  }

  /** Prints an answer for people. */
  @FunctionalInterface
  public interface Layout {
    /** Prints whole lines. */
    void print(PrintWriter out);
  }
}
