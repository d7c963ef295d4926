"""The statistics: a median with an interval that says how far it can be trusted."""

import math
import statistics

CONFIDENCE = 0.95

MET, SHORT, UNDECIDED = "met", "short", "not decided"


class Estimate:
    """The median of independent values, and an interval that holds the true one.

    The interval lies between two of the sorted values, the innermost pair that holds the median
    with a confidence of 95 % whatever the distribution is (the order statistics of a sign test).
    Fewer than 6 values can't reach that: then it is all of them, and the confidence is what that
    gives. If the values come in groups that have something in common, each group's median is inside
    too: many values of one group say nothing of another.
    """

    def __init__(self, values, groups=()):
        ordered = sorted(values)
        if not ordered:
            raise ValueError("an estimate needs a value")
        self.count = len(ordered)
        self.median = statistics.median(ordered)
        cut, self.confidence = _innermost(self.count)
        self.low, self.high = ordered[cut], ordered[self.count - 1 - cut]
        for group in groups:
            middle = statistics.median(group)
            self.low, self.high = min(self.low, middle), max(self.high, middle)

    @classmethod
    def of_groups(cls, groups):
        return cls([value for group in groups for value in group], groups)

    def verdict(self, bound, at_least=True):
        """Decided only if the whole interval lies on one side of the bound; one value is none."""
        if self.count == 1:
            return UNDECIDED
        if at_least:
            met, short = self.low >= bound, self.high < bound
        else:
            met, short = self.high <= bound, self.low > bound
        return MET if met else SHORT if short else UNDECIDED


class Exact(Estimate):
    """One value that is no sample, so that it decides."""

    def __init__(self, value):
        super().__init__([value])
        self.confidence = 1.0

    def verdict(self, bound, at_least=True):
        return MET if (self.median >= bound if at_least else self.median <= bound) else SHORT


def _innermost(count):
    """How many values to cut off at each end, and the confidence that is left."""
    best = 0, _confidence(count, 0)
    for cut in range(1, (count - 1) // 2 + 1):
        confidence = _confidence(count, cut)
        if confidence < CONFIDENCE:
            break
        best = cut, confidence
    return best


def _confidence(count, cut):
    """That the median lies between the values number cut and count - 1 - cut, counted from 0."""
    outside = sum(math.comb(count, i) for i in range(cut + 1))
    return max(0.0, 1 - 2 * outside / 2**count)


def block_ratio(block, key):
    """The ratio of A to B within one block A B B A, in which steady drift cancels.

    A block is a list of (state, slice) with state "A" or "B"; key gives the cost of a slice for one
    request, in any unit: so above 1, A is dearer.
    """
    cost = {"A": 0.0, "B": 0.0}
    for state, measured in block:
        cost[state] += key(measured)
    if cost["B"] <= 0:
        raise ValueError("a block without cost on its side B")
    return cost["A"] / cost["B"]


def swapped_pairs(ratios, swapped):
    """Joins the ratios of two turns between which the files were swapped between the states.

    If a file makes a request dearer by a factor, it is in the one ratio and its inverse in the
    other: the geometric mean is free of it.
    """
    return [math.sqrt(first * second) for first, second in zip(ratios, swapped)]
