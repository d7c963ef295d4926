package io.sluice.shell.blksnap;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Options as Boost's program_options reads them, which scripts of the tool rely on: {@code
 * --opt=v}, {@code --opt v}, {@code -o v}, {@code -ov}, and long names cut short as long as they
 * are unambiguous.
 */
final class ProgramOptions {
  private static final int LINE_COLUMNS = 80;
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

  /** Reads arguments. */
  Values parse(List<String> arguments) throws Unfit {
    Values values = new Values();
    for (int i = 0; i < arguments.size(); ) {
      String argument = arguments.get(i++);
      if (!isOption(argument)) {
        throw new Unfit("too many positional options have been specified on the command line");
      }
      int equals = argument.indexOf('=');
      String attached = null;
      Declared option;
      if (argument.startsWith("--")) {
        option = byName(argument.substring(2, equals < 0 ? argument.length() : equals));
        attached = equals < 0 ? null : argument.substring(equals + 1);
      } else {
        option = byLetter(argument);
        attached = argument.length() == 2 ? null : argument.substring(2);
        if (option.takes() == Takes.NOTHING && attached != null) {
          // -hj is -h -j.
          arguments = spliced(arguments, i, "-" + attached);
          attached = null;
        }
      }
      i = take(option, attached, arguments, i, values);
    }
    return values;
  }

  private static boolean isOption(String argument) {
    return argument.length() > 1 && argument.startsWith("-") && !argument.equals("--");
  }

  private static List<String> spliced(List<String> arguments, int at, String extra) {
    List<String> longer = new ArrayList<>(arguments);
    longer.add(at, extra);
    return longer;
  }

  private static int take(
      Declared option, String attached, List<String> arguments, int next, Values values)
      throws Unfit {
    boolean repeated = values.has(option.name());
    List<String> given = values.values.computeIfAbsent(option.name(), n -> new ArrayList<>());
    if (option.takes() == Takes.NOTHING) {
      if (attached != null) {
        throw new Unfit("option '" + option.dashed() + "' does not take any arguments");
      }
      return next;
    }
    if (repeated && option.takes() == Takes.ONE) {
      throw new Unfit("option '" + option.dashed() + "' cannot be specified more than once");
    }
    int i = next;
    if (attached != null) {
      given.add(attached);
    } else if (i < arguments.size() && !isOption(arguments.get(i))) {
      given.add(arguments.get(i++));
    } else {
      throw new Unfit("the required argument for option '" + option.dashed() + "' is missing");
    }
    while (option.takes() == Takes.MANY && i < arguments.size() && !isOption(arguments.get(i))) {
      given.add(arguments.get(i++));
    }
    return i;
  }

  private Declared byName(String prefix) throws Unfit {
    Declared exact = declared.get(prefix);
    if (exact != null) {
      return exact;
    }
    List<Declared> found = new ArrayList<>();
    for (Declared option : declared.values()) {
      if (!prefix.isEmpty() && option.name().startsWith(prefix)) {
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
      throw new Unfit("unrecognised option '--" + prefix + "'");
    }
    return found.get(0);
  }

  private Declared byLetter(String argument) throws Unfit {
    for (Declared option : declared.values()) {
      if (option.letter() == argument.charAt(1)) {
        return option;
      }
    }
    throw new Unfit("unrecognised option '" + argument + "'");
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

  private static List<String> wrap(String description, int columns) {
    List<String> lines = new ArrayList<>();
    String rest = description;
    while (rest.length() > columns) {
      int cut = rest.lastIndexOf(' ', columns);
      int end = cut > 0 ? cut : columns;
      lines.add(rest.substring(0, end));
      rest = rest.substring(end).strip();
    }
    lines.add(rest);
    return lines;
  }
}
