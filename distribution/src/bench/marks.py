"""What Sluice promises: each mark an estimate with its interval, a bound, and the verdict."""

from estimate import MET, Estimate, Exact
from plan import COW, FUSE, IMAGE, PLAIN

PEAK_LIMIT_MIB = 300


class Mark:
    """One promise: a ratio and its floor, or a size and its ceiling."""

    def __init__(self, text, found, bound, at_least=True, unit="x", cpu=None):
        self.text, self.estimate, self.bound, self.cpu = text, found, bound, cpu
        self.at_least, self.unit = at_least, unit
        self.verdict = found.verdict(bound, at_least)

    def met(self):
        return self.verdict == MET

    def row(self):
        form = ".3f" if self.unit == "x" else ".0f"
        found = self.estimate
        interval = f"{found.low:{form}} to {found.high:{form}}" if found.count > 1 else "-"
        cpu = f"{self.cpu.median:.3f} ({self.cpu.low:.3f} to {self.cpu.high:.3f})" if self.cpu else "-"
        sign = ">=" if self.at_least else "<="
        verdict = self.verdict if self.met() else f"**{self.verdict}**"
        return (f"| {self.text} | {found.median:{form}} {self.unit} | {interval} | {found.count} "
                f"| {sign} {self.bound:.3g} | {verdict} | {cpu} |")

    def document(self):
        found = {"mark": self.text, "value": self.estimate.median, "low": self.estimate.low,
                 "high": self.estimate.high, "confidence": self.estimate.confidence,
                 "count": self.estimate.count, "bound": self.bound, "at_least": self.at_least,
                 "verdict": self.verdict}
        if self.cpu:
            found["cpu"] = {"value": self.cpu.median, "low": self.cpu.low, "high": self.cpu.high}
        return found


HEAD = ["| mark | median | interval | values | wanted | | processor time |",
        "|---|--:|--:|--:|--:|---|--:|"]


def promises():
    """(workload, ours, peer, bound, text) of all ratios to a peer."""
    for workload in PLAIN:
        yield workload.name, "sluice-tracked", "qsd", 1.5, "tracked / qsd raw"
        yield workload.name, "sluice-tracked", "nbdkit", 1.0, "tracked / nbdkit file"
    for workload in FUSE:
        yield workload.name, "sluice-tracked", "qsd-fuse", 1.5, "fuse / qsd-fuse"
    for workload in COW:
        first = workload.name + "-first"
        yield first, "sluice-64k", "qsd-cbw", 1.8, "64 KiB chunks / qsd copy-before-write"
        if workload.name.startswith("cow-4k"):
            yield first, "sluice-default", "qsd-cbw", 4.0, "default chunks / qsd copy-before-write"
    for workload in IMAGE:
        if workload.name.startswith("image-4k"):
            yield workload.name, "sluice-64k", "qsd-cbw", 3.0, "64 KiB chunks / qsd snapshot-access"
            yield (workload.name, "sluice-default", "qsd-cbw", 3.0,
                   "default chunks / qsd snapshot-access")


def marks(results):
    found = []
    for place in results.figures:
        for workload, ours, peer, bound, text in promises():
            values = results.ratios(place, workload, ours, peer)
            if values:
                found.append(Mark(f"{place}: {workload}: {text}", Estimate(values), bound))
    for cost in results.costs:
        found.append(Mark(f"{cost['place']}: {cost['shape']}: {cost['text']}",
                          of_lives(cost, "throughput_ratios"), cost["bound"],
                          cpu=of_lives(cost, "cpu_ratios")))
    for server, peak in sorted(results.peaks.items()):
        if server.startswith("sluice"):
            # A size is no sample: the one value is all there is to know.
            found.append(Mark(f"peak resident memory of {server}", Exact(peak / 2**20),
                              PEAK_LIMIT_MIB, at_least=False, unit="MiB"))
    return found


def of_lives(cost, key):
    return Estimate.of_groups([life[key] for life in cost["lives"]])


def aims(results):
    """What is aimed at beyond the marks: twice qemu, 1.3 times nbdkit, everywhere."""
    missed, total = [], 0
    for place in results.figures:
        pairs = [(workload.name, "sluice-tracked", peer, bound) for workload in PLAIN
                 for peer, bound in (("qsd", 2.0), ("nbdkit", 1.3))]
        pairs += [(workload.name + phase, "sluice-64k", peer, bound) for workload in COW
                  for phase in ("-first", "-again")
                  for peer, bound in (("qsd-cbw", 2.0), ("nbdkit-cow", 1.3))]
        pairs += [(workload.name, "sluice-64k", "qsd-cbw", 2.0) for workload in IMAGE]
        for workload, ours, peer, bound in pairs:
            value = results.ratio(place, workload, ours, peer)
            if value is not None:
                total += 1
                if value < bound:
                    missed.append(f"{place}: {workload}: {value:.2f} of {peer}, aim {bound:g}")
    return total, missed
