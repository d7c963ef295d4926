package io.sluice.itests.exam;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Test;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/** What happens in the framework arrives here, failures above all. */
class PaxExamDriverTest {
  @Test
  void outcomesArrive() {
    Map<String, String> outcomes = new ConcurrentHashMap<>();
    LauncherFactory.create()
        .execute(
            LauncherDiscoveryRequestBuilder.request()
                .selectors(DiscoverySelectors.selectClass(DriverFixture.class))
                .build(),
            new TestExecutionListener() {
              @Override
              public void executionFinished(TestIdentifier test, TestExecutionResult result) {
                if (test.isTest() || result.getThrowable().isPresent()) {
                  outcomes.put(test.getDisplayName(), describe(result));
                }
              }
            });
    assertEquals(
        new TreeMap<>(
            Map.of(
                "passesInTheFramework()", "SUCCESSFUL",
                "[1] 1", "SUCCESSFUL",
                "[2] 2", "FAILED: two is not wanted ==> expected: <true> but was: <false>",
                "[3] 3", "SUCCESSFUL",
                "failsByAssertion()", "FAILED: as it should ==> expected: <wanted> but was: <got>",
                "failsByException()", "FAILED: thrown in the framework",
                "isAborted()", "ABORTED: not possible here")),
        new TreeMap<>(outcomes));
  }

  private static String describe(TestExecutionResult result) {
    return result.getStatus() + result.getThrowable().map(t -> ": " + t.getMessage()).orElse("");
  }
}
