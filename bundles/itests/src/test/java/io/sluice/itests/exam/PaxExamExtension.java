package io.sluice.itests.exam;

import java.lang.reflect.Method;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.InvocationInterceptor;
import org.junit.jupiter.api.extension.ReflectiveInvocationContext;
import org.osgi.framework.FrameworkUtil;

/**
 * Is asked twice for each test: by the Jupiter that runs the build, where it sends the test into
 * the framework instead, and by the one in there, where it lets it run. Pax Exam's classes are
 * there on the first side only, so {@link ExamFramework} alone knows them.
 */
final class PaxExamExtension implements BeforeAllCallback, InvocationInterceptor {
  private static final Namespace NAMESPACE = Namespace.create(PaxExamExtension.class);

  private static boolean inFramework() {
    return FrameworkUtil.getBundle(PaxExamExtension.class) != null;
  }

  @Override
  public void beforeAll(ExtensionContext context) throws Exception {
    if (!inFramework()) {
      // Jupiter closes what lies in its store when the class is through.
      context
          .getStore(NAMESPACE)
          .put(ExamFramework.class, ExamFramework.start(context.getRequiredTestClass()));
    }
  }

  @Override
  public void interceptTestMethod(
      Invocation<Void> invocation,
      ReflectiveInvocationContext<Method> method,
      ExtensionContext context)
      throws Throwable {
    if (inFramework()) {
      invocation.proceed();
    } else {
      invocation.skip();
      context
          .getStore(NAMESPACE)
          .get(ExamFramework.class, ExamFramework.class)
          .run(context.getUniqueId());
    }
  }

  @Override
  public void interceptTestTemplateMethod(
      Invocation<Void> invocation,
      ReflectiveInvocationContext<Method> method,
      ExtensionContext context)
      throws Throwable {
    interceptTestMethod(invocation, method, context);
  }

  @Override
  public void interceptBeforeAllMethod(
      Invocation<Void> invocation,
      ReflectiveInvocationContext<Method> method,
      ExtensionContext context)
      throws Throwable {
    onlyInFramework(invocation);
  }

  @Override
  public void interceptAfterAllMethod(
      Invocation<Void> invocation,
      ReflectiveInvocationContext<Method> method,
      ExtensionContext context)
      throws Throwable {
    onlyInFramework(invocation);
  }

  @Override
  public void interceptBeforeEachMethod(
      Invocation<Void> invocation,
      ReflectiveInvocationContext<Method> method,
      ExtensionContext context)
      throws Throwable {
    onlyInFramework(invocation);
  }

  @Override
  public void interceptAfterEachMethod(
      Invocation<Void> invocation,
      ReflectiveInvocationContext<Method> method,
      ExtensionContext context)
      throws Throwable {
    onlyInFramework(invocation);
  }

  private static void onlyInFramework(Invocation<Void> invocation) throws Throwable {
    if (inFramework()) {
      invocation.proceed();
    } else {
      invocation.skip();
    }
  }
}
