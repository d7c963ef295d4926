/**
 * Trace files: what a record has and where, and how it is read. The layout is documented in the
 * bundle's README and changes with {@link io.sluice.trace.format.TraceFormat#VERSION}.
 */
package io.sluice.trace.format;
