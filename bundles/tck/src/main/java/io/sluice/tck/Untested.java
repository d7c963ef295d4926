package io.sluice.tck;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Repeatable;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * A rule that this kit can't check. It shows as a skipped test, so that nobody takes it for kept.
 */
@Documented
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Repeatable(Untested.Rules.class)
public @interface Untested {
  /** The rule's id. */
  String rule();

  /** Why it is not checked here, and who checks it. */
  String reason();

  /** Several of them. */
  @Documented
  @Target(ElementType.TYPE)
  @Retention(RetentionPolicy.RUNTIME)
  @interface Rules {
    /** All of them. */
    Untested[] value();
  }
}
