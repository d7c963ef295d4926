package io.sluice.tck;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/** One run of a kit, as its user would run it, and what it said. */
final class KitRun implements TestExecutionListener {
  /** A test's display name to the message of its failure. */
  final Map<String, String> failures = new LinkedHashMap<>();

  /** A test's display name to why it was skipped. */
  final Map<String, String> skips = new LinkedHashMap<>();

  int passCount;

  static KitRun of(Class<?> suite) {
    KitRun run = new KitRun();
    LauncherFactory.create()
        .execute(
            LauncherDiscoveryRequestBuilder.request().selectors(selectClass(suite)).build(), run);
    return run;
  }

  /** The rules whose tests failed. */
  Set<String> failedRules() {
    return failures.keySet().stream()
        .map(name -> name.replaceFirst(" .*", ""))
        .collect(Collectors.toCollection(TreeSet::new));
  }

  @Override
  public void executionFinished(TestIdentifier test, TestExecutionResult result) {
    String why = result.getThrowable().map(Throwable::getMessage).orElse("");
    switch (result.getStatus()) {
      case FAILED -> failures.put(test.getDisplayName(), why);
      case ABORTED -> skips.put(test.getDisplayName(), why);
      case SUCCESSFUL -> passCount += test.isTest() ? 1 : 0;
    }
  }
}
