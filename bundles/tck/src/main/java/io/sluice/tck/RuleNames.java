package io.sluice.tck;

import java.lang.reflect.Method;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.DisplayNameGenerator;

/** Makes {@code "BLK-3 completed read fills the buffer"} of a test's rule and method. */
final class RuleNames extends DisplayNameGenerator.Standard {
  @Override
  public String generateDisplayNameForMethod(
      List<Class<?>> enclosingInstanceTypes, Class<?> testClass, Method testMethod) {
    Rule rule = testMethod.getAnnotation(Rule.class);
    if (rule == null) {
      return super.generateDisplayNameForMethod(enclosingInstanceTypes, testClass, testMethod);
    }
    return nameOf(rule, testMethod);
  }

  static String nameOf(Rule rule, Method testMethod) {
    String words = testMethod.getName().replaceFirst("^[a-z]+[0-9]+_", "");
    return rule.value() + " " + words.replaceAll("([A-Z])", " $1").toLowerCase(Locale.ROOT).strip();
  }
}
