/**
 * One snapshot's share of difference storage: allocation, growth by portions, and who may still use
 * it. Knows neither chunks nor devices.
 */
package io.sluice.blksnap.diff;
