/** Devices for the tests of exporters. */
package io.sluice.testing;
