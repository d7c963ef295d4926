/** TLS over a client's socket: certificates from files, and a channel that encrypts. */
package io.sluice.nbd.tls;
