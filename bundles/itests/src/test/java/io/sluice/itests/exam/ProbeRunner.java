package io.sluice.itests.exam;

import java.util.Optional;
import org.junit.jupiter.engine.JupiterTestEngine;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.launcher.Launcher;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherConfig;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.osgi.framework.BundleContext;

/** Runs one test inside the framework, with a Jupiter that lives there. Pax Exam calls it. */
public final class ProbeRunner {
  /** Made by Pax Exam, by reflection. */
  public ProbeRunner() {}

  /**
   * Runs a test.
   *
   * @param context the probe's, which Pax Exam puts before the arguments
   * @param uniqueId the test
   * @throws Throwable what the test threw
   */
  public void run(BundleContext context, String uniqueId) throws Throwable {
    ClassLoader before = Thread.currentThread().getContextClassLoader();
    // Jupiter loads test classes, and what it finds by name, through this.
    Thread.currentThread().setContextClassLoader(ProbeRunner.class.getClassLoader());
    try {
      Outcome outcome = new Outcome();
      Launcher launcher =
          LauncherFactory.create(
              LauncherConfig.builder()
                  .enableTestEngineAutoRegistration(false)
                  .enableLauncherDiscoveryListenerAutoRegistration(false)
                  .enableLauncherSessionListenerAutoRegistration(false)
                  .enablePostDiscoveryFilterAutoRegistration(false)
                  .enableTestExecutionListenerAutoRegistration(false)
                  .addTestEngines(new JupiterTestEngine())
                  .build());
      LauncherDiscoveryRequest request =
          LauncherDiscoveryRequestBuilder.request()
              .selectors(DiscoverySelectors.selectUniqueId(uniqueId))
              .build();
      launcher.execute(request, outcome);
      outcome.rethrow(uniqueId);
    } finally {
      Thread.currentThread().setContextClassLoader(before);
    }
  }

  /** What became of the test, or of anything around it. */
  private static final class Outcome implements TestExecutionListener {
    private Throwable failure;
    private boolean ran;

    @Override
    public void executionFinished(TestIdentifier identifier, TestExecutionResult result) {
      ran |= identifier.isTest();
      Optional<Throwable> thrown = result.getThrowable();
      if (failure == null && thrown.isPresent()) {
        failure = thrown.get();
      }
    }

    void rethrow(String uniqueId) throws Throwable {
      if (failure != null) {
        throw failure;
      }
      if (!ran) {
        throw new IllegalStateException("no such test in the framework: " + uniqueId);
      }
    }
  }
}
