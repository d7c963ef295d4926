/**
 * The commands, one class each: they parse nothing, print nothing, throw on failure and return
 * data. {@link io.sluice.shell.command.SluiceTool} parses before them and prints after them.
 */
package io.sluice.shell.command;
