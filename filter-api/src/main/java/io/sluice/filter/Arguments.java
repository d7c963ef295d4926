package io.sluice.filter;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Values for declared parameters, checked when this is made. Immutable. */
public final class Arguments {
  private static final Pattern SIZE = Pattern.compile("([0-9]{1,19})([kKmMgGtT]?)");
  private static final Pattern DURATION = Pattern.compile("([0-9]{1,19})(us|ms|s|m)");
  private static final Pattern NUMBER = Pattern.compile("[0-9]{1,15}(\\.[0-9]{1,15})?");

  private final Map<String, Parameter> declared;
  private final Map<String, String> values;

  private Arguments(Map<String, Parameter> declared, Map<String, String> values) {
    this.declared = declared;
    this.values = values;
  }

  /**
   * Checks {@code key=value} options.
   *
   * @param what whose they are, for the error: {@code "filter throttle"}
   * @throws ErrnoException EINVAL for a name that is not declared, a value of the wrong type, or a
   *     required one that is missing; the message lists the parameters
   */
  public static Arguments ofOptions(
      String what, List<Parameter> parameters, Map<String, String> options) throws ErrnoException {
    Map<String, Parameter> declared = byName(parameters);
    Map<String, String> values = new LinkedHashMap<>();
    for (Map.Entry<String, String> option : options.entrySet()) {
      Parameter parameter = declared.get(option.getKey());
      if (parameter == null) {
        throw invalid(what, "there is no option \"" + option.getKey() + "\"", parameters);
      }
      put(what, values, parameter, option.getValue(), parameters);
    }
    return complete(what, declared, values, parameters);
  }

  /**
   * Checks words: {@code name=value} for a declared name, or values in the parameters' order.
   *
   * @throws ErrnoException as {@link #ofOptions}, and for a word too many
   */
  public static Arguments ofWords(String what, List<Parameter> parameters, List<String> words)
      throws ErrnoException {
    Map<String, Parameter> declared = byName(parameters);
    Map<String, String> values = new LinkedHashMap<>();
    for (String word : words) {
      int equals = word.indexOf('=');
      Parameter parameter = equals < 0 ? null : declared.get(word.substring(0, equals));
      if (parameter != null) {
        put(what, values, parameter, word.substring(equals + 1), parameters);
        continue;
      }
      parameter =
          parameters.stream().filter(p -> !values.containsKey(p.name())).findFirst().orElse(null);
      if (parameter == null) {
        throw invalid(what, "\"" + word + "\" is one argument too many", parameters);
      }
      put(what, values, parameter, word, parameters);
    }
    return complete(what, declared, values, parameters);
  }

  private static Map<String, Parameter> byName(List<Parameter> parameters) {
    Map<String, Parameter> declared = new LinkedHashMap<>();
    parameters.forEach(parameter -> declared.put(parameter.name(), parameter));
    return declared;
  }

  private static void put(
      String what,
      Map<String, String> values,
      Parameter parameter,
      String value,
      List<Parameter> parameters)
      throws ErrnoException {
    if (!fits(parameter.type(), value)) {
      throw invalid(
          what,
          parameter.name()
              + "=\""
              + value
              + "\" is no "
              + parameter.type().name().toLowerCase(Locale.ROOT),
          parameters);
    }
    if (values.put(parameter.name(), value) != null) {
      throw invalid(what, parameter.name() + " is given twice", parameters);
    }
  }

  private static Arguments complete(
      String what,
      Map<String, Parameter> declared,
      Map<String, String> values,
      List<Parameter> parameters)
      throws ErrnoException {
    for (Parameter parameter : parameters) {
      if (parameter.required() && !values.containsKey(parameter.name())) {
        throw invalid(what, parameter.name() + " is missing", parameters);
      }
    }
    return new Arguments(declared, values);
  }

  private static boolean fits(ParameterType type, String value) {
    return switch (type) {
      case SIZE -> parseSizeBytes(value).isPresent();
      case COUNT -> SIZE.matcher(value).matches() && parseCount(value).isPresent();
      case NUMBER -> NUMBER.matcher(value).matches();
      case DURATION -> parseDuration(value).isPresent();
      case FLAG -> value.equals("on") || value.equals("off");
      case TEXT -> true;
    };
  }

  private static Optional<Long> parseCount(String value) {
    try {
      return Optional.of(Long.parseLong(value));
    } catch (NumberFormatException e) {
      return Optional.empty();
    }
  }

  private static Optional<Long> parseSizeBytes(String value) {
    Matcher matcher = SIZE.matcher(value);
    if (!matcher.matches()) {
      return Optional.empty();
    }
    String unit = matcher.group(2).toUpperCase(Locale.ROOT);
    int shift = unit.isEmpty() ? 0 : 10 * (1 + "KMGT".indexOf(unit));
    return parseCount(matcher.group(1))
        .filter(number -> number <= Long.MAX_VALUE >> shift)
        .map(number -> number << shift);
  }

  private static Optional<Duration> parseDuration(String value) {
    Matcher matcher = DURATION.matcher(value);
    if (!matcher.matches()) {
      return Optional.empty();
    }
    long unitNanos =
        switch (matcher.group(2)) {
          case "us" -> 1_000L;
          case "ms" -> 1_000_000L;
          case "s" -> 1_000_000_000L;
          default -> 60_000_000_000L;
        };
    return parseCount(matcher.group(1))
        .filter(number -> number <= Long.MAX_VALUE / unitNanos)
        .map(number -> Duration.ofNanos(number * unitNanos));
  }

  private static ErrnoException invalid(String what, String why, List<Parameter> parameters) {
    String known =
        parameters.isEmpty()
            ? "it takes none"
            : "it takes "
                + parameters.stream()
                    .map(p -> p.name() + "=" + p.type() + (p.required() ? " (required)" : ""))
                    .collect(Collectors.joining(", "));
    return new ErrnoException(Errno.EINVAL, what + ": " + why + "; " + known);
  }

  /** Whether a value was given, or there is one to fall back to. */
  public boolean has(String name) {
    return !text(name).isEmpty();
  }

  /** A value as it was given, or the one to fall back to; empty if there is neither. */
  public String text(String name) {
    Parameter parameter = declared.get(name);
    if (parameter == null) {
      throw new IllegalArgumentException("\"" + name + "\" is not declared");
    }
    String value = values.get(name);
    return value != null ? value : parameter.fallback() == null ? "" : parameter.fallback();
  }

  /** A {@link ParameterType#SIZE} in bytes. */
  public long sizeBytes(String name) {
    return parseSizeBytes(text(name)).orElseThrow(() -> none(name));
  }

  /** A {@link ParameterType#COUNT}. */
  public long count(String name) {
    return parseCount(text(name)).orElseThrow(() -> none(name));
  }

  /** A {@link ParameterType#NUMBER}. */
  public double number(String name) {
    if (!has(name)) {
      throw none(name);
    }
    return Double.parseDouble(text(name));
  }

  /** A {@link ParameterType#DURATION}. */
  public Duration duration(String name) {
    return parseDuration(text(name)).orElseThrow(() -> none(name));
  }

  /** A {@link ParameterType#FLAG}; off if there is no value. */
  public boolean flag(String name) {
    return text(name).equals("on");
  }

  private static IllegalStateException none(String name) {
    return new IllegalStateException("\"" + name + "\" has no value; ask has() first");
  }
}
