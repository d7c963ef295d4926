package io.sluice.tck;

import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.TestExecutionExceptionHandler;
import org.opentest4j.AssertionFailedError;
import org.opentest4j.TestAbortedException;

/** Puts the rule in front of a failure, and the way to replay it behind. */
final class RuleVerdict implements TestExecutionExceptionHandler {
  @Override
  public void handleTestExecutionException(ExtensionContext context, Throwable failure)
      throws Throwable {
    Rule rule = context.getRequiredTestMethod().getAnnotation(Rule.class);
    if (failure instanceof TestAbortedException || rule == null) {
      throw failure;
    }
    String what =
        failure instanceof AssertionError
            ? failure.getMessage()
            : "unexpected " + failure.getClass().getSimpleName() + ": " + failure.getMessage();
    throw new AssertionFailedError(
        RuleNames.nameOf(rule, context.getRequiredTestMethod())
            + ": "
            + what
            + " (seed "
            + RuleSuite.SEED
            + ", replay with -D"
            + RuleSuite.SEED_PROPERTY
            + "="
            + RuleSuite.SEED
            + ")",
        failure);
  }
}
