/**
 * Live devices and the filters on them: gates, chains, freezes, and the table of devices.
 *
 * <p>From above to below: {@link io.sluice.registry.ChainRegistry} is the entrance; it finds a
 * device in {@code LiveDevices} and a filter in {@code FilterTable}, and has {@code ChainSwitch}
 * change the {@code Chain} of a {@code LiveDevice} whose {@code Gate} it has closed. Plain Java;
 * the framework is met in {@code io.sluice.registry.osgi}.
 *
 * <p>Locks are taken in this order: the turns of devices, sorted by name; the gate of a device; the
 * gates of lower devices, from high altitude to low; short internal locks, under which no foreign
 * code runs.
 */
package io.sluice.registry;
