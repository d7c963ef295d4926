/** Connects the loop devices to the framework: devices and files come in as services. */
package io.sluice.loop.osgi;
