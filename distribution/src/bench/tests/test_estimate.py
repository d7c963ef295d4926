"""The statistics of the benchmark. Run by the interop test bench-selftest; seeds are fixed."""

import os
import random
import statistics
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import estimate  # noqa: E402
from estimate import MET, SHORT, UNDECIDED, Estimate, Exact  # noqa: E402


class EstimateTest(unittest.TestCase):
    def test_known_order_statistics(self):
        # Of tables of the sign test: how many values lie outside at 95 %.
        for count, cut in ((6, 0), (8, 0), (9, 1), (12, 2), (20, 5), (40, 13)):
            found = Estimate(range(count))
            self.assertEqual((cut, count - 1 - cut), (found.low, found.high), f"of {count}")
            self.assertGreaterEqual(found.confidence, 0.95, f"of {count}")

    def test_few_values_say_how_little_they_are_worth(self):
        found = Estimate([3, 1, 2])
        self.assertEqual((1, 2, 3), (found.low, found.median, found.high))
        self.assertAlmostEqual(0.75, found.confidence)

    def test_one_value_decides_nothing(self):
        self.assertEqual(UNDECIDED, Estimate([100.0]).verdict(1))
        self.assertEqual(0, Estimate([100.0]).confidence)

    def test_no_value_is_an_error(self):
        with self.assertRaises(ValueError):
            Estimate([])

    def test_an_outlier_moves_nothing(self):
        values = [1.0 + i / 1000 for i in range(20)]
        spoilt = values[:-1] + [400.0]
        self.assertEqual(Estimate(values).high, Estimate(spoilt).high)

    def test_the_interval_holds_the_true_median_as_often_as_it_says(self):
        seed, trials = 20260, 2000
        rng = random.Random(seed)
        for count in (7, 20, 33):
            held = 0
            for _ in range(trials):
                # Skewed, with a heavy tail; the true median is 1.
                found = Estimate([rng.lognormvariate(0, 1) for _ in range(count)])
                held += found.low <= 1 <= found.high
            self.assertGreater(held / trials, 0.94, f"{count} values, seed {seed}")

    def test_the_interval_is_not_wider_than_it_must_be(self):
        found = Estimate(range(33))
        wider = estimate._confidence(33, int(found.low) + 1)
        self.assertLess(wider, 0.95)

    def test_groups_that_differ_are_both_inside(self):
        one, other = [1.0 + i / 1000 for i in range(40)], [1.5, 1.6, 1.7]
        found = Estimate.of_groups([one, other])
        self.assertLess(Estimate(one + other).high, 1.5)
        self.assertEqual(1.6, found.high)

    def test_an_exact_value_decides(self):
        self.assertEqual((MET, SHORT), (Exact(300).verdict(300, False), Exact(301).verdict(300, False)))

    def test_verdicts(self):
        around = Estimate([0.94, 0.95, 0.955, 0.96, 0.96, 0.97])
        above = Estimate([0.951, 0.96, 0.96, 0.97, 0.97, 0.98])
        below = Estimate([0.90, 0.91, 0.92, 0.93, 0.94, 0.949])
        self.assertEqual((UNDECIDED, MET, SHORT),
                         tuple(one.verdict(0.95) for one in (around, above, below)))
        self.assertEqual((UNDECIDED, SHORT, MET),
                         tuple(one.verdict(0.95, False) for one in (around, above, below)))
        self.assertEqual(MET, Estimate([0.95] * 6).verdict(0.95), "the bound itself will do")


class PairsTest(unittest.TestCase):
    def test_steady_drift_cancels_within_a_block(self):
        # Each slice is dearer by 1 than the one before, on top of what its state costs.
        cost = {"A": 11.0, "B": 10.0}
        for order in ("ABBA", "BAAB"):
            block = [(name, cost[name] + drift) for drift, name in enumerate(order)]
            expected = (2 * 11 + 3) / (2 * 10 + 3)
            self.assertAlmostEqual(expected, estimate.block_ratio(block, float), msg=order)

    def test_a_block_without_cost_is_an_error(self):
        with self.assertRaises(ValueError):
            estimate.block_ratio([("A", 1.0), ("B", 0.0)], float)

    def test_a_file_that_is_slow_cancels_when_it_is_swapped(self):
        state, file = 1.04, 1.3
        joined = estimate.swapped_pairs([state * file] * 3, [state / file] * 3)
        self.assertEqual(3, len(joined))
        for ratio in joined:
            self.assertAlmostEqual(state, ratio)

    def test_ten_percent_are_told_from_five_in_noise_of_thirty(self):
        seed = 20261
        rng = random.Random(seed)

        def measured(cost):
            return cost * rng.lognormvariate(0, 0.3)

        turns = [[estimate.block_ratio([(name, measured(cost[name])) for name in "ABBA"], float)
                  for _ in range(400)]
                 for cost in ({"A": 1.1, "B": 1.0}, {"A": 1.1, "B": 1.0})]
        found = Estimate(estimate.swapped_pairs(*turns))
        self.assertTrue(found.low <= 1.1 <= found.high, f"seed {seed}: {found.low} {found.high}")
        self.assertEqual(SHORT, found.verdict(1.05, at_least=False), f"seed {seed}")
        self.assertAlmostEqual(found.median, statistics.median(estimate.swapped_pairs(*turns)))


if __name__ == "__main__":
    unittest.main()
