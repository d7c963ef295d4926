/** The edge: services, properties and threads for the engine. */
package io.sluice.blksnap.osgi;
