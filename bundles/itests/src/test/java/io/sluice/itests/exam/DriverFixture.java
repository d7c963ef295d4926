package io.sluice.itests.exam;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.ops4j.pax.exam.CoreOptions.frameworkProperty;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.ops4j.pax.exam.Configuration;
import org.ops4j.pax.exam.Option;
import org.osgi.framework.Bundle;
import org.osgi.framework.FrameworkUtil;

/** Run by {@link PaxExamDriverTest} alone: tests of every outcome. */
@PaxExam
class DriverFixture {
  private boolean prepared;

  @Configuration
  static Option[] configuration() {
    return new Option[] {frameworkProperty("fixture").value("configured")};
  }

  @BeforeEach
  void prepare() {
    assertNotNull(FrameworkUtil.getBundle(getClass()), "runs in the framework only");
    prepared = true;
  }

  @Test
  void passesInTheFramework() {
    Bundle probe = FrameworkUtil.getBundle(getClass());
    assertNotNull(probe, "the test's own bundle");
    assertEquals("configured", probe.getBundleContext().getProperty("fixture"));
    assertTrue(prepared, "@BeforeEach ran");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void failsForTwo(int number) {
    assertTrue(number != 2, "two is not wanted");
  }

  @Test
  void failsByAssertion() {
    assertEquals("wanted", "got", "as it should");
  }

  @Test
  void failsByException() {
    throw new IllegalStateException("thrown in the framework");
  }

  @Test
  void isAborted() {
    abort("not possible here");
  }
}
