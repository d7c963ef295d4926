/**
 * Pins: a bundle that provides a filter, an origin or a store in use can't be stopped, updated or
 * uninstalled. The agent's framework implements them; on a framework that can't refuse, there is no
 * such service, and whoever uses what a bundle provides lets go of it when the bundle is STOPPING.
 */
@org.osgi.annotation.bundle.Export
@org.osgi.annotation.versioning.Version("1.0.0")
package io.sluice.pin;
