/**
 * The listeners and their clients, and the table of what is exported. Threads and sockets live
 * here.
 */
package io.sluice.nbd.server;
