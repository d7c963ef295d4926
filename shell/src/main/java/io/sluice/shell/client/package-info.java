/** The programs {@code sluice} and {@code blksnap}, which know the control socket and the JDK. */
package io.sluice.shell.client;
