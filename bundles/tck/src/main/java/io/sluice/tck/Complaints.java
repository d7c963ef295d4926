package io.sluice.tck;

import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/** What the host saw a filter do against a rule, from any thread. */
final class Complaints {
  private static final int COUNT_MAX = 1000;

  private final Queue<Complaint> all = new ConcurrentLinkedQueue<>();

  private record Complaint(String rule, String what) {}

  void add(String rule, String what) {
    if (all.size() < COUNT_MAX) {
      all.add(new Complaint(rule, what));
    }
  }

  List<String> of(String rule) {
    return all.stream().filter(one -> one.rule.equals(rule)).map(Complaint::what).toList();
  }
}
