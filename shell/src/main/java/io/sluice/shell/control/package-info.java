/** The agent's end of the control socket. */
package io.sluice.shell.control;
