"""From raw figures to tables of ratios: report.json holds all, report.md what a person reads."""

import json
import os
import platform
import re
import statistics
import subprocess

import marks
from estimate import CONFIDENCE, MET, SHORT, UNDECIDED
from plan import COW, FUSE, IMAGE, LIVE_LOAD_IOPS, PLAIN

VERDICTS = (SHORT, UNDECIDED, MET)


class Results:
    """Every measurement: figures[place][workload][server] is a list with one entry a round."""

    def __init__(self):
        self.figures = {}
        # Of each place, pair of states and shape of request what cost.CostRun tells, in each life.
        self.costs = []
        self.peaks = {}

    def add(self, place, workload, server, figure):
        rounds = self.figures.setdefault(place, {}).setdefault(workload, {})
        rounds.setdefault(server, []).append(figure)

    def add_cost(self, place, figure):
        """Joins what was found of the same in another life of the agent."""
        named = dict({key: figure[key] for key in ("pair", "text", "shape", "bound")}, place=place)
        life = {key: value for key, value in figure.items() if key not in named}
        for cost in self.costs:
            if all(cost[key] == value for key, value in named.items()):
                cost["lives"].append(life)
                return
        self.costs.append(dict(named, lives=[life]))

    def rounds(self, place, workload, server, key="value"):
        return [figure[key] for figure in
                self.figures.get(place, {}).get(workload, {}).get(server, []) if key in figure]

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


def state_table(results):
    """Each pair of the agent's own states: microseconds a request, of time and of processor time."""
    lines = ["", "### States of the agent beside each other", "",
             "| place | states | request | us | us beside it | CPU us | CPU us beside it |",
             "|---|---|---|--:|--:|--:|--:|"]
    for cost in results.costs:
        cells = [f"{statistics.median(life[key][side] for life in cost['lives']):.2f}"
                 for key in ("us", "cpu_us") for side in "AB"]
        lines.append(f"| {cost['place']} | {cost['text']} | {cost['shape']} | "
                     + " | ".join(cells) + " |")
    return lines if results.costs else []


def saved_table(results):
    """What a snapshot copied, and the room it took, for each byte the client wrote."""
    rows = []
    for place, workloads in results.figures.items():
        for workload, servers in workloads.items():
            for server in sorted(servers):
                copied = results.median(place, workload, server, "copied_per_written")
                filled = results.median(place, workload, server, "filled_per_written")
                if copied is not None:
                    rows.append(f"| {place} | {workload} | {server} | {copied:.2f} | {filled:.2f} |")
    return ["", "### Bytes saved for each byte written, first touch", "",
            "| place | workload | server | copied | room taken |", "|---|---|---|--:|--:|"
            ] + rows if rows else []


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
     ["sluice-tracked", "qsd", "qemu-nbd", "nbdkit"],
     [("sluice-tracked", "qsd"), ("sluice-tracked", "qemu-nbd"), ("sluice-tracked", "nbdkit")]),
    ("Live device as a file", [w.name for w in FUSE], ["sluice-tracked", "qsd-fuse"],
     [("sluice-tracked", "qsd-fuse")]),
    ("Snapshot held: writes to the live device", COW_NAMES,
     ["sluice-64k", "sluice-default", "qsd-cbw", "nbdkit-cow"],
     [("sluice-64k", "qsd-cbw"), ("sluice-default", "qsd-cbw"), ("sluice-64k", "nbdkit-cow")]),
    (f"Reads of the image, live device written at {LIVE_LOAD_IOPS} IOPS", [w.name for w in IMAGE],
     ["sluice-64k", "sluice-default", "qsd-cbw"],
     [("sluice-64k", "qsd-cbw"), ("sluice-default", "qsd-cbw")]),
]


def mark_lines(found):
    """The short ones first, then what the run could not decide, then those that are met."""
    if not found:
        return []
    counts = {verdict: sum(mark.verdict == verdict for mark in found) for verdict in VERDICTS}
    heading = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    ordered = sorted(found, key=lambda mark: VERDICTS.index(mark.verdict))
    lines = [f"## Marks: {heading}", ""] + marks.HEAD + [mark.row() for mark in ordered]
    weakest = min((mark.estimate.confidence for mark in found if mark.estimate.count > 1),
                  default=CONFIDENCE)
    if weakest < CONFIDENCE:
        lines += ["", f"Intervals of fewer than 6 values hold the median with {weakest:.0%} at least, "
                  "not with 95 %: more rounds would decide more."]
    return lines


def markdown(results, settings, machine):
    lines = ["# Sluice benchmark", "",
             f"{machine['cpu']}, {machine['cpus']} CPUs, Linux {machine['kernel']}, "
             f"{machine['java']}; {machine['qemu']}; {machine['nbdkit']}; {machine['fio']}.",
             f"{settings['rounds']} rounds of {settings['seconds']:g} s a measurement, image of "
             f"{settings['size_mib']} MiB, order shuffled with seed {settings['seed']}, "
             f"load average at the start {machine['load']}.",
             f"States of the agent beside each other: {settings['cost'] or 'not measured'}.",
             "Figures are medians over the rounds; a ratio is the median of the ratios within each "
             "round, and above 1 Sluice is faster.", ""]
    lines += mark_lines(marks.marks(results))
    total, missed = marks.aims(results)
    if total:
        lines += ["", f"## Aims: {total - len(missed)} of {total} reached", ""]
        lines += [f"- {line}" for line in missed] or ["All."]
    lines += ["", "## Figures"] + tables(results, TABLES)
    lines += saved_table(results) + state_table(results) + cost_table(results)
    lines += ["", "### Peak resident memory, MiB", "", "| server | MiB |", "|---|--:|"]
    lines += [f"| {server} | {peak / 2**20:.0f} |" for server, peak in sorted(results.peaks.items())]
    return "\n".join(lines) + "\n"


def write(results, settings, directory):
    machine = describe_machine()
    os.makedirs(directory, exist_ok=True)
    text = markdown(results, settings, machine)
    with open(os.path.join(directory, "report.md"), "w", encoding="utf-8") as out:
        out.write(text)
    verdicts = [mark.document() for mark in marks.marks(results)]
    with open(os.path.join(directory, "report.json"), "w", encoding="utf-8") as out:
        json.dump({"machine": machine, "settings": settings, "marks": verdicts,
                   "costs": results.costs, "peak_bytes": results.peaks,
                   "figures": results.figures}, out, indent=1)
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
