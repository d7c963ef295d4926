package io.sluice.filter;

import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * What to attach where.
 *
 * @param device the live device's name
 * @param filter the filter's registered name
 * @param altitude its place in the chain, or empty for {@link FilterOperations#altitude()}
 * @param onError what a fault of the filter does to the device
 * @param callLimit how long one bio may stay in the filter's own code before that is a fault; empty
 *     for {@link FilterOperations#callLimit()}
 * @param options handed to {@link FilterOperations#attach}
 */
public record AttachRequest(
    String device,
    String filter,
    OptionalInt altitude,
    OnError onError,
    Optional<Duration> callLimit,
    Map<String, String> options) {
  /** Copies the options. */
  public AttachRequest {
    options = Map.copyOf(options);
  }

  /** The filter's own altitude, no options; a fault fails the device. */
  public static AttachRequest of(String device, String filter) {
    return new AttachRequest(
        device, filter, OptionalInt.empty(), OnError.FAIL, Optional.empty(), Map.of());
  }
}
