/** Registers the filter {@code trace} while a registry is there. */
package io.sluice.trace.osgi;
