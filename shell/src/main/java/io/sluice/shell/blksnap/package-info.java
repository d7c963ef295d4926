/** The tool {@code blksnap}, served over the control socket. */
package io.sluice.shell.blksnap;
