package io.sluice.tck;

import io.sluice.filter.Parameter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Values that fit what is declared, as far as they go. */
final class Samples {
  private Samples() {}

  /**
   * The base alone, and the base with each parameter at each of its extremes. Text is left as it
   * is, since it may name a file.
   */
  static List<Map<String, String>> of(List<Parameter> parameters, Map<String, String> base) {
    Map<String, String> least = new LinkedHashMap<>(base);
    for (Parameter parameter : parameters) {
      if (parameter.required() && !base.containsKey(parameter.name())) {
        List<String> values = valuesOf(parameter);
        if (values.isEmpty()) {
          return List.of();
        }
        least.put(parameter.name(), values.get(1));
      }
    }
    List<Map<String, String>> all = new ArrayList<>(List.of(least));
    for (Parameter parameter : parameters) {
      for (String value : valuesOf(parameter)) {
        Map<String, String> one = new LinkedHashMap<>(least);
        one.put(parameter.name(), value);
        all.add(one);
      }
    }
    return all;
  }

  private static List<String> valuesOf(Parameter parameter) {
    return switch (parameter.type()) {
      case SIZE -> List.of("0", "1", "4K", "1m", "9223372036854775807");
      case COUNT -> List.of("0", "1", "9223372036854775807");
      case NUMBER -> List.of("0", "0.5", "999999999999999.9");
      case DURATION -> List.of("0us", "1ms", "9223372036854775us");
      case FLAG -> List.of("on", "off");
      case TEXT -> List.of();
    };
  }
}
