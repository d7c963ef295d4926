package org.example.throttle;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.Arguments;
import io.sluice.filter.Parameter;
import io.sluice.filter.ParameterType;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a device may do. 0 stands for no limit.
 *
 * @param all over reads and writes together
 * @param reads over reads alone
 * @param writes over writes, discards and write-zeroes alone
 * @param burst for how long a limit that is not used up is saved
 */
record Limits(Rate all, Rate reads, Rate writes, Duration burst) {
  /** The longest burst: what it lets through at once must not make the limit meaningless. */
  static final Duration BURST_MAX = Duration.ofSeconds(10);

  /**
   * A pair of limits.
   *
   * @param iops bios in a second
   * @param bandwidthBytes bytes in a second
   */
  record Rate(long iops, long bandwidthBytes) {
    static final Rate NONE = new Rate(0, 0);
  }

  static final Limits NONE = new Limits(Rate.NONE, Rate.NONE, Rate.NONE, Duration.ofMillis(50));

  /** The parameters of the attach and of the command {@code set}; what is left out stays. */
  static final List<Parameter> PARAMETERS = parameters();

  private static List<Parameter> parameters() {
    List<Parameter> parameters = new ArrayList<>();
    for (String kind : List.of("", "-read", "-write")) {
      String what = kind.isEmpty() ? "reads and writes together" : kind.substring(1) + "s";
      parameters.add(
          new Parameter("iops" + kind, ParameterType.COUNT, "", what + " per second; 0: no limit"));
      parameters.add(
          new Parameter(
              "bandwidth" + kind,
              ParameterType.SIZE,
              "",
              "bytes of " + what + " per second; 0: no limit"));
    }
    parameters.add(
        new Parameter(
            "burst", ParameterType.DURATION, "", "how long unused limits are saved, to 10s; 50ms"));
    return List.copyOf(parameters);
  }

  /**
   * These with what is given in place of what was there.
   *
   * @throws ErrnoException EINVAL for a burst that is too long
   */
  Limits with(Arguments given) throws ErrnoException {
    Duration wanted = given.has("burst") ? given.duration("burst") : burst;
    if (wanted.compareTo(BURST_MAX) > 0) {
      throw new ErrnoException(
          Errno.EINVAL,
          "burst=" + given.text("burst") + ": at most " + BURST_MAX.toSeconds() + "s can be saved");
    }
    return new Limits(
        rate(given, "", all), rate(given, "-read", reads), rate(given, "-write", writes), wanted);
  }

  private static Rate rate(Arguments given, String kind, Rate present) {
    String iops = "iops" + kind;
    String bandwidth = "bandwidth" + kind;
    return new Rate(
        given.has(iops) ? given.count(iops) : present.iops(),
        given.has(bandwidth) ? given.sizeBytes(bandwidth) : present.bandwidthBytes());
  }

  /** As they can be given at an attach, under the parameters' names. */
  Map<String, String> asOptions() {
    Map<String, String> options = new LinkedHashMap<>();
    putRate(options, "", all);
    putRate(options, "-read", reads);
    putRate(options, "-write", writes);
    options.put("burst", burst.toNanos() / 1000 + "us");
    return options;
  }

  private static void putRate(Map<String, String> options, String kind, Rate rate) {
    options.put("iops" + kind, Long.toString(rate.iops()));
    options.put("bandwidth" + kind, Long.toString(rate.bandwidthBytes()));
  }
}
