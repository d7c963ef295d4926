/** The bundle's edge: its activator, and the services of the framework. */
package io.sluice.shell.osgi;
