"""What one state of the agent costs beside another, where a few percent must be told apart.

Two devices of one agent, on two files that are alike, each in one of the two states; agent and client
share one processor, so that the scheduler has nothing to decide. The client loads the devices by turns,
in many short slices, A B B A; later they exchange their states, so that what a file or a device adds
is in both. See README.md.
"""

import gc
import itertools
import os
import random
import time

import estimate
import nbdclient
from agent import Sluice
from measure import KIB, MIB
from plan import CHUNK

# In the second turn the devices have exchanged their states.
TURN_SWAPPED = (False, True)
# Agents one after the other: what the compiler made of the code differs from one to the next.
LIFE_COUNT = 3
# Thrown away before a turn; more before the first, for the Java machine's compiler.
WARM_SLICE_COUNT, FIRST_WARM_SLICE_COUNT = 6, 15
FIRST_WARM_PASS_COUNT = 2
FIRST_TOUCH_SLICE_REQUESTS = 128


class Shape:
    """A kind of request. With stride_bytes, each slice goes on where the one before it ended."""

    def __init__(self, name, operation, block_bytes, depth, stride_bytes=0):
        self.name, self.operation, self.block_bytes = name, operation, block_bytes
        self.depth, self.stride_bytes = depth, stride_bytes

    def load(self):
        return nbdclient.Load(self.operation, self.block_bytes, self.depth)

    def offsets(self, size_bytes, seed):
        """Endless for timed shapes; once through the device for first touches."""
        rng = random.Random(seed)
        if self.stride_bytes:
            blocks = self.stride_bytes // self.block_bytes
            return iter([start + rng.randrange(blocks) * self.block_bytes
                         for start in range(0, size_bytes, self.stride_bytes)])
        block_count = size_bytes // self.block_bytes
        order = range(block_count)
        if self.block_bytes < MIB:
            order = [rng.randrange(block_count) for _ in range(1 << 16)]
        return itertools.cycle([number * self.block_bytes for number in order])


READS = [Shape("4k-read-qd1", nbdclient.READ, 4 * KIB, 1),
         Shape("4k-read-qd32", nbdclient.READ, 4 * KIB, 32),
         Shape("1m-read-qd8", nbdclient.READ, MIB, 8)]
WRITES = [Shape("4k-write-qd1", nbdclient.WRITE, 4 * KIB, 1),
          Shape("4k-write-qd32", nbdclient.WRITE, 4 * KIB, 32),
          Shape("1m-write-qd8", nbdclient.WRITE, MIB, 8)]
FIRST_TOUCHES = [Shape("4k-first-qd1", nbdclient.WRITE, 4 * KIB, 1, CHUNK),
                 Shape("4k-first-qd32", nbdclient.WRITE, 4 * KIB, 32, CHUNK)]
FILL = Shape("fill", nbdclient.WRITE, MIB, 8, MIB)
TOUCH = Shape("touch", nbdclient.WRITE, 4 * KIB, 32, CHUNK)


class State:
    """What a device is brought into before it is measured."""

    def __init__(self, state, chunk_bytes=0, held_count=1, saved=False):
        self.state, self.chunk_bytes = state, chunk_bytes
        self.held_count, self.saved = held_count, saved

    def enter(self, device, write_all):
        """write_all(shape) writes the whole device once."""
        if self.state != "snapshot":
            device.become(self.state)
            return
        # Written to between the takes, as devices are whose snapshots are worth holding.
        for count in range(min(len(device.held) + 1, self.held_count), self.held_count):
            device.become("snapshot", self.chunk_bytes, count)
            write_all(TOUCH)
        device.become("snapshot", self.chunk_bytes, self.held_count)
        if self.saved:
            write_all(FILL)

    def leave(self, device):
        if self.saved:
            device.newest_snapshot()


class Pair:
    """Two states, the shapes to compare them by, and how much of the throughput must be left."""

    def __init__(self, name, text, ours, reference, shapes, bound):
        self.name, self.text, self.ours, self.reference = name, text, ours, reference
        self.shapes, self.bound = shapes, bound

    def fresh_each(self):
        return self.shapes is FIRST_TOUCHES


ONE_HELD = State("snapshot")
PAIRS = [
    Pair("chain3", "chain of three / bare", State("chain3"), State("bare"), READS + WRITES, 0.95),
    Pair("tracked", "tracked / bare", State("tracked"), State("bare"), READS + WRITES, 0.95),
    Pair("again-64k", "touched again, 64 KiB chunks / tracked alone",
         State("snapshot", CHUNK, saved=True), State("tracked"), WRITES, 0.95),
    Pair("again-default", "touched again, default chunks / tracked alone",
         State("snapshot", saved=True), State("tracked"), WRITES, 0.95),
    # At most a fifth dearer.
    Pair("snap4", "first touch, 4 snapshots held / 1", State("snapshot", held_count=4), ONE_HELD,
         FIRST_TOUCHES, 1 / 1.2),
    Pair("snap16", "first touch, 16 snapshots held / 1", State("snapshot", held_count=16), ONE_HELD,
         FIRST_TOUCHES, 1 / 1.2),
]


# What is measured in a hurry: the smallest request, where a filter's share is largest, and what is
# saved of it.
QUICK = ("cost-chain3-4k-write-qd1", "cost-chain3-4k-write-qd32", "cost-tracked-4k-write-qd1",
         "cost-again-default-4k-write-qd1", "cost-snap16-4k-first-qd1")


def names():
    return [name_of(pair, shape) for pair in PAIRS for shape in pair.shapes]


def name_of(pair, shape):
    return f"cost-{pair.name}-{shape.name}"


class CostAgent(Sluice):
    """An agent of its own: its code is compiled for what is compared here."""

    name = "sluice-cost"
    # Sixteen stores that reserve a gigabyte each, the default, are more memory than there is.
    settings = {"sluice.blksnap.diff_storage_minimum": (64 << 20) // 512}


class Slice:
    def __init__(self, requests, nanos, cpu_nanos):
        self.requests, self.nanos, self.cpu_nanos = requests, nanos, cpu_nanos


def process_cpu_nanos(pid):
    """The processor time of all threads of a process, to the nanosecond: its CPU clock."""
    return time.clock_gettime_ns((~pid << 3) | 2)


class Side:
    """One device under one shape: a connection of its own, and where it goes on."""

    def __init__(self, device, shape, seed):
        self.pid, self.shape = device.agent.pid, shape
        self.connection = nbdclient.Connection(device.agent.socket_path, device.name)
        self.load = shape.load()
        self.size_bytes = self.connection.size_bytes
        self.offsets = shape.offsets(self.size_bytes, seed)

    def slice(self, slice_nanos):
        if self.shape.stride_bytes:
            enough = nbdclient.count_of(FIRST_TOUCH_SLICE_REQUESTS)
        else:
            enough = nbdclient.until(time.monotonic_ns() + slice_nanos)
        cpu_nanos, nanos = process_cpu_nanos(self.pid), time.monotonic_ns()
        requests = self.load.run(self.connection, self.offsets, enough)
        return Slice(requests, time.monotonic_ns() - nanos, process_cpu_nanos(self.pid) - cpu_nanos)

    def whole(self):
        """The shape's stride, once through the device."""
        count = self.size_bytes // self.shape.stride_bytes
        self.load.run(self.connection, self.offsets, nbdclient.count_of(count))

    def close(self):
        self.connection.close()


def write_all(device, seed):
    def write(shape):
        side = Side(device, shape, seed)
        try:
            side.whole()
        finally:
            side.close()
    return write


class CostRun:
    """Measures pairs of states on two devices of one agent, in one life of it."""

    def __init__(self, devices, binding, settle, seed, block_count, slice_nanos):
        self.devices, self.binding, self.settle = devices, binding, settle
        self.seed, self.block_count, self.slice_nanos = seed, block_count, slice_nanos

    def run(self, pair, shapes):
        """Both turns of a pair; returns for each shape what was found."""
        turns = {shape.name: [] for shape in shapes}
        warm_slice_count = FIRST_WARM_SLICE_COUNT
        for swapped in TURN_SWAPPED:
            ours, reference = reversed(self.devices) if swapped else self.devices
            fresh = True
            for shape in shapes:
                # First touches can't be warmed up with in the pass that counts.
                cold = pair.fresh_each() and warm_slice_count == FIRST_WARM_SLICE_COUNT
                for _ in range(1 + FIRST_WARM_PASS_COUNT if cold else 1):
                    if fresh or pair.fresh_each():
                        pair.ours.enter(ours, write_all(ours, self.seed))
                        pair.reference.enter(reference, write_all(reference, self.seed))
                    fresh = False
                    self.settle()
                    with self.binding:
                        blocks = self._blocks(shape, ours, reference, warm_slice_count)
                turns[shape.name].append(blocks)
            warm_slice_count = WARM_SLICE_COUNT
            pair.ours.leave(ours)
            pair.reference.leave(reference)
        return [self._figure(pair, shape, turns[shape.name]) for shape in shapes]

    def run_all(self, wanted, record):
        """Every pair and shape of which wanted(name) says so; record(figure) gets each."""
        for pair in PAIRS:
            shapes = [shape for shape in pair.shapes if wanted(name_of(pair, shape))]
            for figure in self.run(pair, shapes) if shapes else []:
                record(figure)

    def _blocks(self, shape, ours, reference, warm_slice_count):
        # The seed is the same for both: they get the same offsets.
        sides = {"A": Side(ours, shape, self.seed), "B": Side(reference, shape, self.seed)}
        count = self.block_count
        if shape.stride_bytes:
            touches = sides["A"].size_bytes // shape.stride_bytes
            count = touches // FIRST_TOUCH_SLICE_REQUESTS // 2
        gc.collect()
        gc.disable()
        try:
            if not shape.stride_bytes:
                for _ in range(warm_slice_count):
                    for side in sides.values():
                        side.slice(self.slice_nanos)
            return [[(name, sides[name].slice(self.slice_nanos))
                     for name in ("ABBA" if number % 2 else "BAAB")] for number in range(count)]
        finally:
            gc.enable()
            for side in sides.values():
                side.close()

    def _figure(self, pair, shape, turns):
        def ratios(key):
            each = [[estimate.block_ratio(block, key) for block in turn] for turn in turns]
            return estimate.swapped_pairs(*each)

        nanos = ratios(lambda slice_: slice_.nanos / slice_.requests)
        cpu = ratios(lambda slice_: slice_.cpu_nanos / slice_.requests)
        return {"pair": pair.name, "text": pair.text, "shape": shape.name, "bound": pair.bound,
                # Throughput: what is left of it, so the inverse of the time.
                "throughput_ratios": [1 / ratio for ratio in nanos], "cpu_ratios": cpu,
                "cpu_us": {name: self._cpu_us(turns, name) for name in "AB"},
                "us": {name: self._us(turns, name) for name in "AB"}}

    @staticmethod
    def _cpu_us(turns, wanted):
        return mean_per_request(turns, wanted, lambda slice_: slice_.cpu_nanos) / 1000

    @staticmethod
    def _us(turns, wanted):
        return mean_per_request(turns, wanted, lambda slice_: slice_.nanos) / 1000


def mean_per_request(turns, wanted, key):
    slices = [slice_ for turn in turns for block in turn for name, slice_ in block
              if name == wanted]
    return sum(key(slice_) for slice_ in slices) / sum(slice_.requests for slice_ in slices)


class Binding:
    """Has the agent and this client share one processor, and nobody else have it.

    A request is then a fixed sequence of work and switches. On two processors it is a game of sleeping
    and waking whose cost, above all in a virtual machine, is several times that of the work and
    differs from one second to the next.
    """

    def __init__(self, pid):
        self.everywhere = os.sched_getaffinity(0)
        # The first processor tends to have the interrupts.
        self.cpu = max(self.everywhere)
        # With one processor, others must get at it too.
        self.real_time = len(self.everywhere) > 1
        for thread in os.listdir(f"/proc/{pid}/task"):
            try:
                # The agent's new threads inherit it.
                self._bind(int(thread))
            except ProcessLookupError:
                continue

    def _bind(self, thread):
        os.sched_setaffinity(thread, {self.cpu})
        if self.real_time:
            try:
                os.sched_setscheduler(thread, os.SCHED_RR, os.sched_param(1))
            except PermissionError:
                self.real_time = False

    def __enter__(self):
        """This client too, while it sends requests; the commands that it runs are not bound."""
        self._bind(0)
        return self

    def __exit__(self, *_):
        if self.real_time:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        os.sched_setaffinity(0, self.everywhere)

    def describe(self):
        how = "real-time priority" if self.real_time else "ordinary priority"
        return f"agent and client on processor {self.cpu} of {len(self.everywhere)}, {how}"
