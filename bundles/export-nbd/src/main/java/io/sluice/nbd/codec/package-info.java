/**
 * The NBD protocol as pure functions over buffers: no sockets, threads or devices. What a client
 * can send wrong ends in a {@link io.sluice.nbd.codec.ProtocolException} and in nothing else.
 */
package io.sluice.nbd.codec;
