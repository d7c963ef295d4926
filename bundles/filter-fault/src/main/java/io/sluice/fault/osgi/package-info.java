/** Registers the filter {@code fault} while a registry is there. */
package io.sluice.fault.osgi;
