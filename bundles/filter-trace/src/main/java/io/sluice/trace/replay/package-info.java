/**
 * What is done with a trace afterwards, in a process of its own: shown, converted, replayed onto a
 * file or a block device.
 */
package io.sluice.trace.replay;
