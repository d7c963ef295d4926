/** What bundles have in common at the framework's edge; each has a copy of its own. */
package io.sluice.osgi;
