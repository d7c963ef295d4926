package io.sluice.filter;

import io.sluice.block.DeviceGeometry;
import io.sluice.block.OriginOptions;
import java.util.List;

/**
 * A live device.
 *
 * @param name its name
 * @param path its origin's path, as it was added
 * @param options how the origin was opened
 * @param geometry what it is like
 * @param filters the attached filters, from high altitude to low
 * @param holders who holds it, one entry each
 * @param lost why its origin is lost, so that it answers with errors; empty while it is there
 */
public record DeviceInfo(
    String name,
    String path,
    OriginOptions options,
    DeviceGeometry geometry,
    List<String> filters,
    List<String> holders,
    String lost) {}
