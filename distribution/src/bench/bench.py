"""The benchmark's command line: one interleaved run of Sluice and its peers. See README.md."""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time

import agent
import cost
import marks
import plan
import report
import servers
from measure import MIB, ClientFailed

QUICK_LIMIT_SECONDS = 165
# What --quick leaves out unless asked for.
QUICK_WITHOUT = ("qemu-nbd", "nbdkit-cow")
# A cost file need not be larger to have many first touches, nor may it have fewer.
COST_FILE_MIB = range(16, 257)
COST_BLOCK_COUNT, QUICK_COST_BLOCK_COUNT = 7, 10
# Of the length of a timed measurement.
COST_SLICE_SHARE = 0.04

PLACE_NAMES = ("shm", "disk")


def parse(arguments):
    parser = argparse.ArgumentParser(prog="bench", description="Sluice beside its peers, in one run.")
    parser.add_argument("--quick", action="store_true",
                        help="under 3 minutes: at most 3 short rounds, a small image, in memory, "
                        "without " + " and ".join(QUICK_WITHOUT))
    parser.add_argument("--rounds", type=int, help="rounds (default 6)")
    parser.add_argument("--seconds", type=float, help="length of a timed measurement (default 0.5)")
    parser.add_argument("--size", type=int, help="size of the image in MiB (default 1024)")
    parser.add_argument("--places", help="of shm,disk (default both)")
    parser.add_argument("--servers", help="of " + ",".join(plan.ALL_SERVERS))
    parser.add_argument("--only", help="of " + ",".join(all_names())
                        + "; a beginning of a name takes all that begin so")
    parser.add_argument("--seed", type=int, default=1, help="of the order (default 1)")
    parser.add_argument("--disk-dir", help="a directory on a disk (default target/bench)")
    parser.add_argument("--out", help="where the reports go (default target/bench)")
    parser.add_argument("--check", action="store_true", help="exit 1 unless each mark is met")
    options = parser.parse_args(arguments)
    defaults = (3, 0.25, 128, "shm") if options.quick else (6, 0.5, 1024, "shm,disk")
    options.rounds = options.rounds or defaults[0]
    options.seconds = options.seconds or defaults[1]
    options.size = options.size or defaults[2]
    options.places = (options.places or defaults[3]).split(",")
    usual = [name for name in plan.ALL_SERVERS if not options.quick or name not in QUICK_WITHOUT]
    options.servers = options.servers.split(",") if options.servers else usual
    options.cost = cost.QUICK if options.quick and not options.only else cost.names()
    options.only = options.only.split(",") if options.only else [""]
    check_words(parser, "--places", options.places, PLACE_NAMES)
    check_words(parser, "--servers", options.servers, plan.ALL_SERVERS)
    for word in options.only:
        if not any(name.startswith(word) for name in all_names()):
            parser.error(f"--only: no workload begins with {word}")
    if not 1 <= options.size <= 65536 or options.rounds < 1 or options.seconds <= 0:
        parser.error("--size is 1 to 65536 MiB, --rounds at least 1, --seconds above 0")
    return options


def all_names():
    return plan.workload_names() + cost.names()


def check_words(parser, option, words, allowed):
    for word in words:
        if word not in allowed:
            parser.error(f"{option}: {word} is none of {','.join(allowed)}")


def say(text):
    print(text, file=sys.stderr, flush=True)


class Bench:
    def __init__(self, options, root, home):
        self.options, self.home = options, home
        self.out = options.out or os.path.join(root, "target", "bench")
        self.disk = options.disk_dir or os.path.join(root, "target", "bench")
        self.results = report.Results()
        self.processes = []
        self.peers = []
        self.directories = []
        self.cost_binding = None
        self.mounts = servers.may_mount()
        if not self.mounts:
            say("no FUSE mounts here: fuse-... is left out")

    def run(self):
        self.began = time.monotonic()
        # Unix socket paths are short: the sockets live under /tmp wherever the data is.
        self.scratch = self._private_directory(tempfile.gettempdir())
        try:
            places = [self._place(name) for name in self.options.places]
            if "sluice-cost" in self.options.servers:
                for place in places:
                    self._cost(place)
            rounds = [self._round(place) for place in places]
            for one in rounds:
                self._warm_up(one)
            done = 0
            while done < self.options.rounds and self._has_time_for_another(done):
                done += 1
                started = time.monotonic()
                # How a peer's heap happens to lie makes a factor of two, for as long as it lives:
                # one life for all rounds would be one throw of the dice.
                for peer in self.peers:
                    peer.fresh()
                for one in rounds:
                    one.record = self._record
                    one.run()
                self._note_peaks()
                self.round_seconds = time.monotonic() - started
                say(f"round {done} of {self.options.rounds}: {self.round_seconds:.0f} s")
        finally:
            self._stop()
        settings = {"rounds": done, "seconds": self.options.seconds,
                    "size_mib": self.options.size, "seed": self.options.seed,
                    "places": self.options.places, "servers": self.options.servers,
                    "only": self.options.only, "quick": self.options.quick,
                    "cost": self.cost_binding}
        text = report.write(self.results, settings, self.out)
        print(text)
        print(f"Written: {self.out}/report.md and report.json")
        unmet = [mark for mark in marks.marks(self.results) if not mark.met()]
        return 1 if unmet and self.options.check else 0

    def _has_time_for_another(self, done):
        if not self.options.quick or done == 0:
            return True
        return time.monotonic() - self.began + self.round_seconds < QUICK_LIMIT_SECONDS

    def _private_directory(self, parent):
        os.makedirs(parent, exist_ok=True)
        made = tempfile.mkdtemp(prefix="sluice-bench-", dir=parent)
        self.directories.append(made)
        return made

    def _place(self, name):
        parent = "/dev/shm" if name == "shm" else self.disk
        size_bytes = self.options.size * MIB
        os.makedirs(parent, exist_ok=True)
        # The image, what copy-on-write saves of it, and as much again to be safe.
        if shutil.disk_usage(parent).free < 3 * size_bytes:
            raise RuntimeError(f"{parent}: less than {3 * self.options.size} MiB free; "
                               "give a smaller --size or other --places")
        place = servers.Place(name, self._private_directory(parent), size_bytes)
        say(f"{name}: filling an image of {self.options.size} MiB in {parent}")
        place.fill()
        return place

    def _round(self, place):
        """Starts every server that stays up; those of copy-before-write start at each measurement."""
        wanted = set(self.options.servers)
        up = {}
        kinds = [servers.QemuRaw, servers.QemuNbd, servers.Nbdkit]
        if any(self._wanted(workload.name) for workload in plan.FUSE):
            kinds.append(servers.QemuFuse)
        for kind in kinds:
            if kind.name in wanted:
                up[kind.name] = self._started(kind(place, self.scratch))
                self.peers.append(up[kind.name])
        for kind in (servers.QemuCopyBeforeWrite, servers.NbdkitCow):
            if kind.name in wanted:
                up[kind.name] = kind(place, self.scratch)
                self.processes.append(up[kind.name])
        states = [("sluice-tracked", "tracked", 0), ("sluice-64k", "snapshot", plan.CHUNK),
                  ("sluice-default", "snapshot", 0)]
        if any(name in wanted for name, _, _ in states):
            device = self._started(agent.Sluice(place, self.scratch, self.home)).add_device(
                agent.Sluice.export, place.image)
            for name, state, chunk in states:
                if name in wanted:
                    up[name] = agent.SluiceState(name, device, state, chunk)

        def chosen(workload):
            names = (workload, workload + "-first", workload + "-again")
            return any(map(self._wanted, names))

        return plan.Round(place, up, chosen, self.options.seconds, self.scratch,
                          random.Random(self.options.seed), None)

    def _wanted(self, name):
        if name.startswith("fuse-") and not self.mounts:
            return False
        return any(name.startswith(word) for word in self.options.only)

    def _cost(self, place):
        """The agent's own states beside each other, before anybody else is up."""
        wanted = [name for name in self.options.cost if self._wanted(name)]
        if not wanted:
            return
        began = time.monotonic()
        size_mib = min(max(self.options.size, COST_FILE_MIB[0]), COST_FILE_MIB[-1])
        paths = [os.path.join(place.directory, f"cost-{number}.raw") for number in (1, 2)]
        for path in paths:
            servers.fill(path, size_mib * MIB)
        for _ in range(1 if self.options.quick else cost.LIFE_COUNT):
            self._cost_in_one_life(place, paths, wanted)
        for path in paths:
            os.unlink(path)
        say(f"{place.name}: cost of the agent's states: {time.monotonic() - began:.0f} s")

    def _cost_in_one_life(self, place, paths, wanted):
        server = self._started(cost.CostAgent(place, self.scratch, self.home))
        devices = [server.add_device(f"cost-{number}", path)
                   for number, path in enumerate(paths, 1)]

        def settle():
            for path in paths:
                servers.settle(path)

        blocks = QUICK_COST_BLOCK_COUNT if self.options.quick else COST_BLOCK_COUNT
        slice_nanos = int(self.options.seconds * COST_SLICE_SHARE * 1e9)
        binding = cost.Binding(server.pid)
        self.cost_binding = binding.describe()
        cost.CostRun(devices, binding, settle, self.options.seed, blocks, slice_nanos).run_all(
            lambda name: name in wanted, lambda figure: self.results.add_cost(place.name, figure))
        self._note_peaks()
        server.stop()
        shutil.rmtree(server.directory)  # or the next one has its devices again

    def _started(self, server):
        self.processes.append(server)
        server.start()
        return server

    def _warm_up(self, one):
        """One round that is thrown away, the same for all: it is there for the JVM's compiler."""
        say(f"{one.place.name}: warming up (one round, not counted)")
        one.record = lambda *_: None
        one.run()

    def _record(self, place, workload, server, figure):
        if not figure["requests"]:
            raise ClientFailed(f"{place}, {workload}, {server}: no request was served")
        self.results.add(place, workload, server, figure)

    def _note_peaks(self):
        for server in self.processes:
            server.note_peak()
            key = f"{server.name} ({server.place.name})"
            self.results.peaks[key] = max(self.results.peaks.get(key, 0), server.peak_bytes)

    def _stop(self):
        for server in self.processes:
            server.stop()
        for directory in self.directories:
            shutil.rmtree(directory, ignore_errors=True)


def main():
    options = parse(sys.argv[1:])
    # Ended from outside: servers are stopped and the data removed, as after an interrupt.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    root = os.environ["SLUICE_ROOT"]
    try:
        return Bench(options, root, os.environ["SLUICE_HOME"]).run()
    except (ClientFailed, RuntimeError, OSError) as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
