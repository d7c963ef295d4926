package io.sluice.export;

/**
 * What to export.
 *
 * @param device the name of a live device or image
 * @param name what clients ask for; empty for the device's own name
 * @param readOnly whether clients are refused to change it
 */
public record ExportRequest(String device, String name, boolean readOnly) {}
