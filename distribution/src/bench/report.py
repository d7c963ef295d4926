"""From raw figures to tables of ratios: report.json holds all, report.md what a person reads."""

import json
import os
import platform
import re
import statistics
import subprocess

from plan import COW, IMAGE, LIVE_LOAD_IOPS, PLAIN

PEAK_LIMIT_MIB = 300


class Results:
    """Every measurement: figures[place][workload][server] is a list with one entry a round."""

    def __init__(self):
        self.figures = {}
        self.peaks = {}

    def add(self, place, workload, server, figure):
        rounds = self.figures.setdefault(place, {}).setdefault(workload, {})
        rounds.setdefault(server, []).append(figure)

    def rounds(self, place, workload, server, key="value"):
        return [figure[key] for figure in
                self.figures.get(place, {}).get(workload, {}).get(server, [])]

    def median(self, place, workload, server, key="value"):
        values = self.rounds(place, workload, server, key)
        return statistics.median(values) if values else None

    def ratios(self, place, workload, server, other):
        """The ratio within each round."""
        ours = self.rounds(place, workload, server)
        theirs = self.rounds(place, workload, other)
        return [a / b for a, b in zip(ours, theirs) if b]

    def ratio(self, place, workload, server, other):
        """The median over the rounds of the ratio within a round, which drift does not move."""
        found = self.ratios(place, workload, server, other)
        return statistics.median(found) if found else None

    def unit(self, place, workload):
        for figures in self.figures[place][workload].values():
            return figures[0]["unit"]
        return ""


class Mark:
    """One line of what the product promises: a ratio and its floor, or a size and its ceiling."""

    def __init__(self, text, values, bound, at_least=True, unit="x"):
        self.text, self.value, self.bound = text, statistics.median(values), bound
        self.lowest, self.highest = min(values), max(values)
        self.at_least, self.unit = at_least, unit

    def met(self):
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def row(self):
        sign = ">=" if self.at_least else "<="
        verdict = "met" if self.met() else "**short**"
        form = ".3f" if self.unit == "x" else ".0f"
        spread = f"{self.lowest:{form}} to {self.highest:{form}}"
        return (f"| {self.text} | {self.value:{form}} {self.unit} | {spread} "
                f"| {sign} {self.bound:g} | {verdict} |")


def marks(results):
    found = []

    def compare(text, bound, place, workload, server, other):
        values = results.ratios(place, workload, server, other)
        if values:
            found.append(Mark(f"{place}: {workload}: {text}", values, bound))

    for place in results.figures:
        for workload in [workload.name for workload in PLAIN]:
            compare("tracked / qsd raw", 1.5, place, workload, "sluice-tracked", "qsd")
            compare("tracked / nbdkit file", 1.0, place, workload, "sluice-tracked", "nbdkit")
            compare("tracked / bare", 0.95, place, workload, "sluice-tracked", "sluice")
            compare("chain of three costs under 5 %", 0.95, place, workload, "sluice-chain3",
                    "sluice")
        for workload in [workload.name for workload in COW]:
            compare("64 KiB chunks / qsd copy-before-write", 1.5, place, workload + "-first",
                    "sluice-64k", "qsd-cbw")
            compare("64 KiB chunks / tracked alone", 0.95, place, workload + "-again", "sluice-64k",
                    "sluice-tracked")
            compare("default chunks / tracked alone", 0.95, place, workload + "-again",
                    "sluice-default", "sluice-tracked")
    for server, peak in sorted(results.peaks.items()):
        if server.startswith("sluice"):
            found.append(Mark(f"peak resident memory of {server}", [peak / 2**20], PEAK_LIMIT_MIB,
                              at_least=False, unit="MiB"))
    return found


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


def number(value):
    if value is None:
        return "-"
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def times(value):
    return "-" if value is None else f"{value:.2f}"


def table(results, place, workloads, servers, ratios):
    """Rows are workloads; columns the servers' medians, then our ratios to them."""
    present = [server for server in servers if any(
        results.median(place, workload, server) is not None for workload in workloads)]
    shown = [(ours, peer) for ours, peer in ratios if ours in present and peer in present]
    heads = present + [f"**{ours} / {peer}**" for ours, peer in shown]
    lines = ["| workload | unit | " + " | ".join(heads) + " |",
             "|---|---|" + "--:|" * len(heads)]
    for workload in workloads:
        if workload not in results.figures.get(place, {}):
            continue
        cells = [number(results.median(place, workload, server)) for server in present]
        cells += [times(results.ratio(place, workload, ours, peer)) for ours, peer in shown]
        lines.append(f"| {workload} | {results.unit(place, workload)} | " + " | ".join(cells) + " |")
    return lines if len(lines) > 2 else []


def tables(results, key_tables):
    lines = []
    for place in results.figures:
        for title, workloads, servers, ratios in key_tables:
            body = table(results, place, workloads, servers, ratios)
            if body:
                lines += ["", f"### {title}, {place}", ""] + body
    return lines


def cost_table(results):
    """CPU time of the server's process for one request, in microseconds."""
    lines = []
    for place, workloads in results.figures.items():
        servers = sorted({server for rounds in workloads.values() for server in rounds})
        lines += ["", f"### CPU microseconds a request (nbdcopy: a MiB), {place}", "",
                  "| workload | " + " | ".join(servers) + " |", "|---|" + "--:|" * len(servers)]
        for workload in workloads:
            cells = [number(results.median(place, workload, server, "cpu_us_per_request"))
                     for server in servers]
            lines.append(f"| {workload} | " + " | ".join(cells) + " |")
    return lines


COW_NAMES = [w.name + phase for w in COW for phase in ("-first", "-again")]
TABLES = [
    ("Live device", [w.name for w in PLAIN],
     ["sluice", "sluice-chain3", "sluice-tracked", "qsd", "qemu-nbd", "nbdkit"],
     [("sluice-tracked", "qsd"), ("sluice-tracked", "qemu-nbd"), ("sluice-tracked", "nbdkit"),
      ("sluice-tracked", "sluice"), ("sluice-chain3", "sluice")]),
    ("Snapshot held: writes to the live device", COW_NAMES,
     ["sluice-64k", "sluice-default", "sluice-tracked", "qsd-cbw", "nbdkit-cow"],
     [("sluice-64k", "qsd-cbw"), ("sluice-default", "qsd-cbw"), ("sluice-64k", "nbdkit-cow"),
      ("sluice-64k", "sluice-tracked"), ("sluice-default", "sluice-tracked")]),
    (f"Reads of the image, live device written at {LIVE_LOAD_IOPS} IOPS", [w.name for w in IMAGE],
     ["sluice-64k", "sluice-default", "qsd-cbw"],
     [("sluice-64k", "qsd-cbw"), ("sluice-default", "qsd-cbw")]),
]


def markdown(results, settings, machine):
    lines = ["# Sluice benchmark", "",
             f"{machine['cpu']}, {machine['cpus']} CPUs, Linux {machine['kernel']}, "
             f"{machine['java']}; {machine['qemu']}; {machine['nbdkit']}; {machine['fio']}.",
             f"{settings['rounds']} rounds of {settings['seconds']:g} s a measurement, image of "
             f"{settings['size_mib']} MiB, order shuffled with seed {settings['seed']}, "
             f"load average at the start {machine['load']}.",
             "Figures are medians over the rounds; a ratio is the median of the ratios within each "
             "round, and above 1 Sluice is faster.", ""]
    found = marks(results)
    if found:
        short = [mark for mark in found if not mark.met()]
        lines += [f"## Marks: {len(found) - len(short)} of {len(found)} met", "",
                  "| mark | median | rounds | wanted | |", "|---|--:|--:|--:|---|"]
        lines += [mark.row() for mark in short + [mark for mark in found if mark.met()]]
    total, missed = aims(results)
    if total:
        lines += ["", f"## Aims: {total - len(missed)} of {total} reached", ""]
        lines += [f"- {line}" for line in missed] or ["All."]
    lines += ["", "## Figures"] + tables(results, TABLES) + cost_table(results)
    lines += ["", "### Peak resident memory, MiB", "", "| server | MiB |", "|---|--:|"]
    lines += [f"| {server} | {peak / 2**20:.0f} |" for server, peak in sorted(results.peaks.items())]
    return "\n".join(lines) + "\n"


def write(results, settings, directory):
    machine = describe_machine()
    os.makedirs(directory, exist_ok=True)
    text = markdown(results, settings, machine)
    with open(os.path.join(directory, "report.md"), "w", encoding="utf-8") as out:
        out.write(text)
    verdict = [{"mark": mark.text, "value": mark.value, "lowest": mark.lowest,
                "highest": mark.highest, "bound": mark.bound,
                "at_least": mark.at_least, "met": mark.met()} for mark in marks(results)]
    with open(os.path.join(directory, "report.json"), "w", encoding="utf-8") as out:
        json.dump({"machine": machine, "settings": settings, "marks": verdict,
                   "peak_bytes": results.peaks, "figures": results.figures}, out, indent=1)
        out.write("\n")
    return text


def describe_machine():
    def first_line(*command):
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  text=True, check=False)
            return done.stdout.strip().splitlines()[0]
        except (OSError, IndexError):
            return command[0] + ": not there"

    with open("/proc/cpuinfo", encoding="utf-8") as info:
        model = re.search(r"model name\s*: (.*)", info.read())
    java = os.path.join(os.environ.get("JAVA_HOME", ""), "bin", "java")
    return {"cpu": model.group(1) if model else platform.machine(), "cpus": os.cpu_count(),
            "kernel": platform.release(),
            "java": first_line(java if os.path.exists(java) else "java", "-version"),
            "qemu": first_line("qemu-storage-daemon", "--version"),
            "nbdkit": first_line("nbdkit", "--version"), "fio": first_line("fio", "--version"),
            "memory_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
            "load": " ".join(f"{value:.2f}" for value in os.getloadavg())}
