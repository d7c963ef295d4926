/**
 * Test kits for those who implement the filter API: block devices, origins, filters, difference
 * stores. Extend one of {@link io.sluice.tck.BlockDeviceTck}, {@link io.sluice.tck.OriginTck},
 * {@link io.sluice.tck.FilterTck} and {@link io.sluice.tck.DiffStoreTck} in a test and say how to
 * make what is to be tested. Each test is named by the rule of the specification that it checks.
 */
package io.sluice.tck;
