/**
 * What the JDK has no call for on Linux, and the two things built on it that origins and difference
 * stores share: {@link io.sluice.linux.ControlDescriptor}, an open file for control calls, and
 * {@link io.sluice.linux.SteadyChannel}, positional I/O that outlives interrupts.
 *
 * <p>Plain library code without a bundle of its own: a bundle that needs it copies the package
 * privately with bnd's {@code -conditionalpackage: io.sluice.linux} and imports JNA.
 */
package io.sluice.linux;
