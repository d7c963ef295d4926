/**
 * Exports: how devices reach clients. An exporter of one kind serves every live device and image
 * under its own name, and under further names on request.
 */
@org.osgi.annotation.bundle.Export
@org.osgi.annotation.versioning.Version("1.0.0")
package io.sluice.export;
