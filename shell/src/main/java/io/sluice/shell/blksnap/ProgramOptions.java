package io.sluice.shell.blksnap;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Options as Boost's program_options reads them, which scripts of the tool rely on: {@code
 * --opt=v}, {@code --opt v}, {@code -o v}, {@code -ov}, and long names cut short as long as they
 * are unambiguous.
 */
final class ProgramOptions {
  private static final int LINE_COLUMNS = 79;
  private static final int NAME_COLUMNS_MIN = 23;
  private static final int NAME_COLUMNS_MAX = 39;

  private final Map<String, Declared> declared = new LinkedHashMap<>();

  private enum Takes {
    NOTHING,
    ONE,
    MANY
  }

  private record Declared(String name, char letter, Takes takes, String description) {
    String dashed() {
      return "--" + name;
    }

    /** The first column of the help. */
    String heading() {
      return "  -" + letter + " [ " + dashed() + " ] " + (takes == Takes.NOTHING ? "" : "arg");
    }
  }

  /** The arguments do not fit the options; the message is what Boost would say. */
  static final class Unfit extends Exception {
    private static final long serialVersionUID = 1L;

    Unfit(String message) {
      super(message);
    }
  }

  /** What was given: a list of values for each option's name; empty for a flag. */
  static final class Values {
    private final Map<String, List<String>> values = new LinkedHashMap<>();

    boolean has(String name) {
      return values.containsKey(name);
    }

    /** The only value of an option. */
    String one(String name) throws Unfit {
      return many(name).get(0);
    }

    /** All values of an option, at least one. */
    List<String> many(String name) throws Unfit {
      List<String> given = values.get(name);
      if (given == null || given.isEmpty()) {
        throw new Unfit("Argument '" + name + "' is missed.");
      }
      return given;
    }
  }

  ProgramOptions() {
    flag("help", 'h', "Print usage for command.");
  }

  ProgramOptions flag(String name, char letter, String description) {
    return declare(new Declared(name, letter, Takes.NOTHING, description));
  }

  ProgramOptions one(String name, char letter, String description) {
    return declare(new Declared(name, letter, Takes.ONE, description));
  }

  ProgramOptions many(String name, char letter, String description) {
    return declare(new Declared(name, letter, Takes.MANY, description));
  }

  private ProgramOptions declare(Declared option) {
    declared.put(option.name(), option);
    return this;
  }

  /**
   * Reads arguments. As Boost does it when no positional options are declared, words that belong to
   * no option are passed over.
   */
  Values parse(List<String> arguments) throws Unfit {
    List<Given> parts = new ArrayList<>();
    Deque<String> rest = new ArrayDeque<>(arguments);
    while (!rest.isEmpty()) {
      String word = rest.poll();
      if (word.equals("--")) {
        break; // nothing after it is an option, or an option's value
      }
      if (isLong(word)) {
        parts.add(longOption(word, rest));
      } else if (isShort(word)) {
        shortOptions(word, rest, parts);
      } else {
        parts.add(new Given(null, new ArrayList<>(List.of(word))));
      }
    }
    return store(parts);
  }

  /**
   * An option with its values, or, without one, a word that a multitoken option before may take.
   */
  private record Given(Declared option, List<String> values) {}

  private static boolean isLong(String word) {
    return word.length() > 2 && word.startsWith("--");
  }

  private static boolean isShort(String word) {
    return word.length() > 1 && word.charAt(0) == '-' && word.charAt(1) != '-';
  }

  private Given longOption(String word, Deque<String> rest) throws Unfit {
    int equals = word.indexOf('=');
    String name = word.substring(2, equals < 0 ? word.length() : equals);
    List<String> values = new ArrayList<>();
    if (equals >= 0) {
      checkAdjacent(word, "--" + name);
      values.add(word.substring(equals + 1));
    }
    if (name.isEmpty()) {
      return new Given(null, values);
    }
    Declared option = byName(name, word);
    takeValue(option, values, rest);
    return new Given(option, values);
  }

  /** One letter with its value, or several of which all but the last take none. */
  private void shortOptions(String word, Deque<String> rest, List<Given> parts) throws Unfit {
    Declared option;
    int at = 1;
    while ((option = byLetter(word.charAt(at))) != null
        && option.takes() == Takes.NOTHING
        && at + 1 < word.length()) {
      parts.add(new Given(option, List.of()));
      at++;
    }
    if (option == null) {
      throw new Unfit("unrecognised option '" + word + "'");
    }
    List<String> values = new ArrayList<>();
    if (at + 1 < word.length()) {
      values.add(word.substring(at + 1));
    }
    takeValue(option, values, rest);
    parts.add(new Given(option, values));
  }

  private static void checkAdjacent(String word, String named) throws Unfit {
    if (word.endsWith("=") && word.indexOf('=') == word.length() - 1) {
      throw new Unfit(
          "the argument for option '" + named + "' should follow immediately after the equal sign");
    }
  }

  /** Any word is a value, unless it is one of the letters that are declared. */
  private void takeValue(Declared option, List<String> values, Deque<String> rest) throws Unfit {
    if (option.takes() == Takes.NOTHING) {
      if (!values.isEmpty()) {
        throw new Unfit("option '" + option.dashed() + "' does not take any arguments");
      }
      return;
    }
    if (!values.isEmpty()) {
      return;
    }
    String next = rest.peek();
    boolean letter = next != null && next.length() == 2 && isShort(next);
    if (next == null || (letter && byLetter(next.charAt(1)) != null)) {
      throw new Unfit("the required argument for option '" + option.dashed() + "' is missing");
    }
    if (isLong(next)) {
      checkAdjacent(next, option.dashed());
    }
    values.add(rest.poll());
  }

  private static Values store(List<Given> parts) throws Unfit {
    Values values = new Values();
    Declared last = null;
    for (Given part : parts) {
      Declared option = part.option();
      if (option == null) {
        if (last != null && last.takes() == Takes.MANY) {
          values.values.get(last.name()).addAll(part.values());
        }
        continue;
      }
      last = option;
      if (values.has(option.name()) && option.takes() != Takes.MANY) {
        throw new Unfit("option '" + option.dashed() + "' cannot be specified more than once");
      }
      values.values.computeIfAbsent(option.name(), n -> new ArrayList<>()).addAll(part.values());
    }
    return values;
  }

  private Declared byName(String prefix, String word) throws Unfit {
    Declared exact = declared.get(prefix);
    if (exact != null) {
      return exact;
    }
    List<Declared> found = new ArrayList<>();
    for (Declared option : declared.values()) {
      if (option.name().startsWith(prefix)) {
        found.add(option);
      }
    }
    if (found.size() > 1) {
      StringBuilder text = new StringBuilder("option '--" + prefix + "' is ambiguous and matches ");
      for (int i = 0; i < found.size(); i++) {
        text.append(i == 0 ? "" : i == found.size() - 1 ? ", and " : ", ");
        text.append('\'').append(found.get(i).dashed()).append('\'');
      }
      throw new Unfit(text.toString());
    }
    if (found.isEmpty()) {
      throw new Unfit("unrecognised option '" + word + "'");
    }
    return found.get(0);
  }

  /** Null if there is none. */
  private Declared byLetter(char letter) {
    for (Declared option : declared.values()) {
      if (option.letter() == letter) {
        return option;
      }
    }
    return null;
  }

  /** The options as Boost lists them: two columns, the second wrapped at 80. */
  String describe() {
    int column = NAME_COLUMNS_MIN;
    for (Declared option : declared.values()) {
      column = Math.max(column, option.heading().length());
    }
    column = Math.min(column, NAME_COLUMNS_MAX) + 1;
    StringBuilder text = new StringBuilder();
    for (Declared option : declared.values()) {
      String heading = option.heading();
      String gap = " ".repeat(Math.max(0, column - heading.length()));
      String indent = "\n" + " ".repeat(column);
      text.append(heading).append(heading.length() < column ? gap : indent);
      text.append(String.join(indent, wrap(option.description(), LINE_COLUMNS - column)));
      text.append('\n');
    }
    return text.toString();
  }

  /** Lines of at most so many columns. Boost keeps the blank that a line is cut behind. */
  private static List<String> wrap(String description, int columns) {
    List<String> lines = new ArrayList<>();
    int at = 0;
    while (at < description.length()) {
      if (at > 0 && description.charAt(at) == ' ') {
        at++;
      }
      int end = Math.min(description.length(), at + columns);
      boolean cutsWord =
          end < description.length()
              && description.charAt(end) != ' '
              && description.charAt(end - 1) != ' ';
      int blank = description.lastIndexOf(' ', end - 1);
      if (cutsWord && blank >= at && end - blank - 1 < columns / 2) {
        end = blank + 1;
      }
      lines.add(description.substring(at, end));
      at = end;
    }
    return lines;
  }
}
