package io.sluice.itests.exam;

import static org.ops4j.pax.exam.CoreOptions.bundle;
import static org.ops4j.pax.exam.CoreOptions.systemProperty;

import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.URL;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apiguardian.api.API;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.engine.JupiterTestEngine;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.platform.commons.JUnitException;
import org.junit.platform.engine.TestEngine;
import org.junit.platform.launcher.Launcher;
import org.opentest4j.AssertionFailedError;
import org.opentest4j.TestAbortedException;
import org.ops4j.pax.exam.Configuration;
import org.ops4j.pax.exam.ExamSystem;
import org.ops4j.pax.exam.Option;
import org.ops4j.pax.exam.TestAddress;
import org.ops4j.pax.exam.TestContainer;
import org.ops4j.pax.exam.TestContainerException;
import org.ops4j.pax.exam.TestProbeBuilder;
import org.ops4j.pax.exam.TestProbeProvider;
import org.ops4j.pax.exam.spi.PaxExamRuntime;

/** The framework that one test class runs in, with JUnit and the class itself among its bundles. */
final class ExamFramework implements AutoCloseable {
  /** One class of each of JUnit's jars, which are bundles themselves. */
  private static final List<Class<?>> JUNIT =
      List.of(
          API.class,
          AssertionFailedError.class,
          JUnitException.class,
          TestEngine.class,
          Launcher.class,
          Test.class,
          ParameterizedTest.class,
          JupiterTestEngine.class);

  private final TestContainer container;
  private final TestAddress runner;

  private ExamFramework(TestContainer container, TestAddress runner) {
    this.container = container;
    this.runner = runner;
  }

  static ExamFramework start(Class<?> testClass) throws Exception {
    List<Option> options = new ArrayList<>(configurationOf(testClass));
    options.add(systemProperty("org.ops4j.pax.logging.DefaultServiceLog.level").value("WARN"));
    for (Class<?> type : JUNIT) {
      URL jar = type.getProtectionDomain().getCodeSource().getLocation();
      options.add(bundle(jar.toString()));
    }
    ExamSystem system = PaxExamRuntime.createTestSystem(options.toArray(new Option[0]));
    TestProbeBuilder builder = system.createProbe();
    TestAddress runner = builder.addTest(ProbeRunner.class, "run");
    TestProbeProvider probe = builder.build();
    TestContainer container = PaxExamRuntime.createContainer(system);
    container.start();
    try (InputStream content = probe.getStream()) {
      container.installProbe(content);
    } catch (IOException | RuntimeException e) {
      container.stop();
      throw e;
    }
    return new ExamFramework(container, runner);
  }

  private static List<Option> configurationOf(Class<?> testClass) throws Exception {
    List<Option> options = new ArrayList<>();
    for (Method method : testClass.getDeclaredMethods()) {
      if (method.isAnnotationPresent(Configuration.class)) {
        method.setAccessible(true);
        options.addAll(Arrays.asList((Option[]) method.invoke(null)));
      }
    }
    return options;
  }

  /**
   * Runs one test of the class.
   *
   * @param uniqueId as Jupiter names it; the Jupiter in the framework names it the same
   * @throws Throwable what the test threw, as it threw it
   */
  void run(String uniqueId) throws Throwable {
    try {
      container.call(new Call(runner, uniqueId));
    } catch (TestContainerException e) {
      throw thrownByTest(e);
    }
  }

  private static Throwable thrownByTest(TestContainerException failure) {
    Throwable thrown = failure;
    while (thrown.getCause() != null
        && (thrown instanceof TestContainerException
            || thrown instanceof InvocationTargetException)) {
      thrown = thrown.getCause();
    }
    // The framework has a JUnit of its own, so what is an abort there is a mere exception here.
    if (thrown.getClass().getName().equals(TestAbortedException.class.getName())) {
      return new TestAbortedException(thrown.getMessage(), thrown);
    }
    return thrown;
  }

  @Override
  public void close() {
    container.stop();
  }

  /** The runner with an argument. Pax Exam's own address would take over the runner's arguments. */
  private record Call(TestAddress root, String uniqueId) implements TestAddress {
    @Override
    public String identifier() {
      return root.identifier();
    }

    @Override
    public String caption() {
      return uniqueId;
    }

    @Override
    public Object[] arguments() {
      return new Object[] {uniqueId};
    }
  }
}
