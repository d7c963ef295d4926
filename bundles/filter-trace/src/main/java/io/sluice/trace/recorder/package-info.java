/** The filter {@code trace}: counts bios, remembers the last ones, and records them in a file. */
package io.sluice.trace.recorder;
