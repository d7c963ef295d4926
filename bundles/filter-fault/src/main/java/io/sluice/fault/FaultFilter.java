package io.sluice.fault;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import io.sluice.filter.Arguments;
import io.sluice.filter.Filter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The rules of one device. They are tried in the order of their ids: a delay or a hang lets the bio
 * go on to the rules after it, and any other hit is the end of it.
 */
final class FaultFilter implements Filter {
  static final int RULE_COUNT_MAX = 64;

  private static final FaultRule[] NONE = {};

  /** By id; replaced as a whole under this object's lock. */
  private volatile FaultRule[] rules = NONE;

  private volatile long seed;

  FaultFilter(Arguments options) throws ErrnoException {
    seed = options.count("seed");
    for (List<String> words : RuleText.split(options.text("rules"))) {
      add(words);
    }
  }

  @Override
  public void submit(Bio bio, BlockDevice next) throws ErrnoException {
    FaultRule[] now = rules;
    for (FaultRule rule : now) {
      long number = rule.hit(bio, seed);
      if (number != FaultRule.MISS && complete(rule, number, bio, next)) {
        return;
      }
    }
    next.submit(bio);
  }

  /** Does what a rule says; tells whether the bio is complete. */
  private boolean complete(FaultRule rule, long number, Bio bio, BlockDevice next)
      throws ErrnoException {
    switch (rule.spec.action()) {
      case ERROR -> throw rule.error(bio);
      case DELAY, HANG -> {
        rule.await(rule.waitNanos());
        if (rule.spec.action() == FaultAction.HANG && rule.spec.errno().isPresent()) {
          throw rule.error(bio);
        }
        return false;
      }
      case CORRUPT -> new Damage(rule, seed, number).corrupt(bio, next);
      case TORN -> new Damage(rule, seed, number).tear(bio, next);
      case DROP -> {
        if (bio.data() != null) {
          bio.data().position(bio.data().limit());
        }
      }
    }
    return true;
  }

  /** Says nothing of zeroes where reads are corrupted: a client would not read them. */
  @Override
  public void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor, BlockDevice next)
      throws ErrnoException {
    long endBytes = Math.min(offsetBytes + lengthBytes, next.geometry().sizeBytes());
    for (FaultRule rule : rules) {
      boolean corruptsReads =
          rule.spec.action() == FaultAction.CORRUPT && rule.spec.ops().contains(BioOp.READ);
      if (corruptsReads && rule.mayHit() && rule.overlaps(offsetBytes, endBytes)) {
        visitor.extent(endBytes - offsetBytes, ExtentVisitor.DATA);
        return;
      }
    }
    next.status(offsetBytes, lengthBytes, visitor);
  }

  @Override
  public Map<String, Object> ctl(String command, List<String> words) throws ErrnoException {
    return switch (command) {
      case "add" -> add(words);
      case "list" -> {
        FaultOperations.LIST.arguments(words);
        yield list();
      }
      case "remove" -> remove(FaultOperations.REMOVE.arguments(words).count("id"));
      case "clear" -> {
        FaultOperations.CLEAR.arguments(words);
        yield clear();
      }
      case "release" -> release(FaultOperations.RELEASE.arguments(words));
      case "seed" -> reseed(FaultOperations.SEED.arguments(words).count("seed"));
      default ->
          throw new ErrnoException(
              Errno.ENOTTY,
              "fault: there is no command \""
                  + command
                  + "\"; there are "
                  + FaultOperations.COMMANDS.stream()
                      .map(each -> each.name())
                      .collect(Collectors.joining(", ")));
    };
  }

  private synchronized Map<String, Object> add(List<String> words) throws ErrnoException {
    FaultRule[] before = rules;
    if (before.length >= RULE_COUNT_MAX) {
      throw new ErrnoException(
          Errno.ENOSPC, "fault rule: there are " + before.length + ", the most; remove one first");
    }
    long lastId = before.length == 0 ? 0 : before[before.length - 1].spec.id();
    FaultRule rule = new FaultRule(RuleText.parse(words, lastId + 1));
    FaultRule[] after = Arrays.copyOf(before, before.length + 1);
    for (FaultRule other : before) {
      if (other.spec.id() == rule.spec.id()) {
        throw new ErrnoException(
            Errno.EEXIST, "fault rule: there is a rule " + rule.spec.id() + "; leave id= out");
      }
    }
    after[before.length] = rule;
    Arrays.sort(after, Comparator.comparingLong(each -> each.spec.id()));
    rules = after;
    return ordered("id", rule.spec.id(), "rule", RuleText.format(rule.spec));
  }

  private Map<String, Object> list() {
    List<Map<String, Object>> all = new ArrayList<>();
    for (FaultRule rule : rules) {
      all.add(rule.describe());
    }
    return ordered("seed", seed, "rules", all);
  }

  private synchronized Map<String, Object> remove(long id) throws ErrnoException {
    FaultRule removed = find(id);
    rules = Arrays.stream(rules).filter(rule -> rule != removed).toArray(FaultRule[]::new);
    removed.disarm();
    return removed.describe();
  }

  private FaultRule find(long id) throws ErrnoException {
    for (FaultRule rule : rules) {
      if (rule.spec.id() == id) {
        return rule;
      }
    }
    throw new ErrnoException(Errno.ENOENT, "fault rule " + id + ": not there; see list");
  }

  private synchronized Map<String, Object> clear() {
    FaultRule[] removed = rules;
    rules = NONE;
    disarm(removed);
    return Map.of("removed", removed.length);
  }

  private Map<String, Object> release(Arguments arguments) throws ErrnoException {
    int count = 0;
    if (arguments.has("id")) {
      count = find(arguments.count("id")).release();
    } else {
      for (FaultRule rule : rules) {
        count += rule.release();
      }
    }
    return Map.of("released", count);
  }

  private synchronized Map<String, Object> reseed(long value) {
    seed = value;
    for (FaultRule rule : rules) {
      rule.restart();
    }
    return Map.of("seed", value);
  }

  private static Map<String, Object> ordered(String one, Object first, String two, Object second) {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put(one, first);
    values.put(two, second);
    return values;
  }

  /** What is left of the rules, so that the filter's successor goes on where this one stopped. */
  @Override
  public Map<String, String> options(Map<String, String> attached) {
    List<String> texts = new ArrayList<>();
    for (FaultRule rule : rules) {
      FaultSpec rest = rule.rest();
      if (rest.hitCountMax() > 0) {
        texts.add(RuleText.format(rest));
      }
    }
    return Map.of("seed", Long.toString(seed), "rules", String.join("; ", texts));
  }

  /** A device is frozen only when no bio waits in it, so nobody may from here on. */
  @Override
  public void checkDetach() {
    for (FaultRule rule : rules) {
      if (rule.spec.action().waits()) {
        rule.disarm();
      }
    }
  }

  @Override
  public void quarantined(String fault) {
    disarm(rules);
  }

  @Override
  public void deviceLost(String reason) {
    checkDetach();
  }

  @Override
  public void detach() {
    disarm(rules);
  }

  private static void disarm(FaultRule[] rules) {
    for (FaultRule rule : rules) {
      rule.disarm();
    }
  }
}
