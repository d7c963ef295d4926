/** The commands in Gogo, and shells on the control socket. Loaded only where Gogo is present. */
package io.sluice.shell.gogo;
