/**
 * One client from greeting to farewell: negotiation, then the data path. Plain Java over a {@link
 * java.nio.channels.ByteChannel}; threads, sockets and OSGi belong to the packages around it.
 */
package io.sluice.nbd.session;
