/**
 * The protocol of the control socket: one request, then frames both ways until the exit code.
 * Shared by the agent and the one-shot client, which has nothing else on its class path.
 */
package io.sluice.shell.wire;
