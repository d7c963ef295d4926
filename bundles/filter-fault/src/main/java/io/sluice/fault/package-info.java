/**
 * The filter {@code fault}: makes a device misbehave by rules, so that whatever stands above can be
 * tested against errors, delays, hangs, corruption, and torn and lost writes.
 */
package io.sluice.fault;
