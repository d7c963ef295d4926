/** Connects the mounts to the framework: devices come in as services, control goes out as one. */
package io.sluice.fuse.osgi;
