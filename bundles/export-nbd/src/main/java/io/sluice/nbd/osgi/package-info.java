/**
 * Connects the NBD server to the framework: devices come in as services, control goes out as one.
 */
package io.sluice.nbd.osgi;
