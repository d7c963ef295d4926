package io.sluice.shell.command;

import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.Map;

/** One thing for people: a line for each of its properties, {@code name: value}, values aligned. */
public final class Sheet implements Answer.Layout {
  private final Map<String, String> lines = new LinkedHashMap<>();

  /** Adds a line; null and the empty text show as a dash. */
  public Sheet line(String name, Object value) {
    String text = value == null ? "" : value.toString();
    lines.put(name, text.isEmpty() ? "-" : text);
    return this;
  }

  @Override
  public void print(PrintWriter out) {
    int width = lines.keySet().stream().mapToInt(String::length).max().orElse(0);
    lines.forEach(
        (name, value) -> out.println(name + ": " + " ".repeat(width - name.length()) + value));
  }
}
