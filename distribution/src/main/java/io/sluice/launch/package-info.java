/**
 * Starts the agent: holds the run directory, reads the configuration, and runs the framework with
 * the distribution's bundles until a signal or a command stops it.
 */
package io.sluice.launch;
