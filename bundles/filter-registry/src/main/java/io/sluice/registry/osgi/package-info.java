/** The registry as a bundle: what it tracks, and what it publishes. */
package io.sluice.registry.osgi;
