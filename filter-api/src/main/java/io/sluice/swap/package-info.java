/**
 * Hot swap: a bundle is replaced by another version while what it provides is in use. Its users
 * hold their callers back, let go of what it provides, and take up what its successor provides.
 */
@org.osgi.annotation.bundle.Export
@org.osgi.annotation.versioning.Version("1.0.0")
package io.sluice.swap;
