package io.sluice.itests.exam;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * A test class whose methods run inside a framework. A static method with Pax Exam's
 * {@code @Configuration} says which bundles are in it; the framework lives as long as the class's
 * tests.
 *
 * <p>{@code @BeforeAll} and {@code @AfterAll} run around each method, for each is a launch of its
 * own. Not made for {@code @Nested} and {@code @TestFactory}.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(PaxExamExtension.class)
public @interface PaxExam {}
