package io.sluice.export;

import java.util.List;
import java.util.Map;

/**
 * One export.
 *
 * @param kind the exporter's kind
 * @param name what clients ask for
 * @param device the device behind it
 * @param description one line for people, or empty
 * @param readOnly whether clients are refused to change it
 * @param automatic served without asking, so it goes when the device does
 * @param state whether clients can have it
 * @param limit how fast its clients may be
 * @param options kind-specific ones, as they were asked for
 * @param clientCount clients connected now
 * @param addresses where to reach it: URIs, or a file's path
 */
public record ExportInfo(
    String kind,
    String name,
    String device,
    String description,
    boolean readOnly,
    boolean automatic,
    ExportState state,
    RateLimit limit,
    Map<String, String> options,
    int clientCount,
    List<String> addresses) {

  /** One that is served as its device is. */
  public ExportInfo(
      String kind,
      String name,
      String device,
      boolean readOnly,
      boolean automatic,
      int clientCount,
      List<String> addresses) {
    this(
        kind,
        name,
        device,
        "",
        readOnly,
        automatic,
        ExportState.SERVED,
        RateLimit.NONE,
        Map.of(),
        clientCount,
        addresses);
  }
}
