package io.sluice.export;

import java.util.List;

/**
 * One export.
 *
 * @param kind the exporter's kind
 * @param name what clients ask for
 * @param device the device behind it
 * @param readOnly whether clients are refused to change it
 * @param automatic served without asking, so it goes when the device does
 * @param clientCount clients connected now
 * @param addresses where to reach it, as URIs
 */
public record ExportInfo(
    String kind,
    String name,
    String device,
    boolean readOnly,
    boolean automatic,
    int clientCount,
    List<String> addresses) {}
