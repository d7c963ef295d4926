"""The map oracle: whatever is written meanwhile, images and their maps are those of their take.

    map_oracle.py RUN-DIRECTORY DEVICE FILE WORK-DIRECTORY ROUNDS SEED [MUTANT]

A round writes to the live device at random (data, zeroes, discards; sometimes the file grows), takes a
snapshot and remembers the file's bytes. Then nbdcopy, nbdcopy --no-extents, qemu-img convert and
incremental backups read images, the new one and older ones, while writing goes on. Every copy must be
equal to the bytes at its take; no range that a map calls zero may hold anything else; and each byte that
differs from a base must be in the dirty bitmap. One thread decides everything from the seed; what runs
beside it is only how far readers have come.

A MUTANT is a mistake that a server could make, made here in its place; the oracle must find it.
"""

import os
import pathlib
import random
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import nbd
import rawnbd
from backup_clients import ALLOCATION, DEPTH, overlaps
from control import sluice, sluice_json

BLOCK = 512
HELD_MAX = 4
HELD_ROUNDS_MAX = 24
REMEMBERED_MAX = 8
GROWTH = 64 << 10
SIZE_MAX = 4 << 20
WRITES_BESIDE_MAX = 60
MUTANTS = {
    "live-image": "copies are of the live device",
    "live-zeroes": "the zeroes are those of the live device, as an old qemu has it",
    "later-base": "the bitmap lacks what changed in the first interval",
    "void-base": "a base that is void is served with the bitmap of another",
}
READERS = {
    "nbdcopy": lambda uri, out: ["nbdcopy", uri, out],
    "nbdcopy --no-extents": lambda uri, out: ["nbdcopy", "--no-extents", uri, out],
    "qemu-img convert": lambda uri, out: ["qemu-img", "convert", "-f", "raw", "-O", "raw", uri, out],
}


class Wrong(Exception):
    """The oracle's finding."""


class Taken:
    """A snapshot and the bytes at its take, which outlive it."""

    def __init__(self, number, name, data, info):
        self.round, self.name, self.data, self.held = number, name, data, True
        device = info["devices"][0]
        self.generation, self.number = device["generation_id"], device["changes_number"]

    @property
    def position(self):
        return f"{self.generation}:{self.number}"


def first_difference(a, b):
    return next((i for i, pair in enumerate(zip(a, b)) if pair[0] != pair[1]), min(len(a), len(b)))


def ranges_of_difference(a, b):
    """Blocks in which they differ."""
    for at in range(0, len(b), BLOCK):
        if a[at:at + BLOCK] != b[at:at + BLOCK]:
            yield at


class Oracle:
    def __init__(self, run, device, file, work, seed, mutant):
        self.mutant = mutant
        self.run, self.device, self.file, self.work = run, device, file, work
        self.socket = os.path.join(run, "nbd.sock")
        self.random = random.Random(seed)
        self.taken = []
        self.counts = dict.fromkeys(
            [*READERS, "incremental", "overlay", "void base", "growth", "writes beside readers", "zeroes skipped"], 0)
        self.connect()

    def uri(self, export):
        return f"nbd+unix:///{export}?socket={self.socket}"

    def connect(self):
        self.live = nbd.NBD()
        self.live.connect_uri(self.uri(self.device))
        self.size = self.live.get_size()

    # ---- the live side ----

    def write(self):
        choose = self.random
        length = BLOCK * choose.choice([1, 2, 7, 8, 16, 100, 128, 300])
        offset = BLOCK * choose.randrange((self.size - length) // BLOCK + 1)
        kind = choose.randrange(6)
        if kind < 3:
            self.live.pwrite(bytes([choose.randrange(1, 256)]) * length, offset)
        elif kind == 3:
            self.live.zero(length, offset)
        elif kind == 4:
            self.live.zero(length, offset, nbd.CMD_FLAG_NO_HOLE)
        else:
            self.live.trim(length, offset)

    def grow(self):
        size = os.stat(self.file).st_size
        if size + GROWTH <= SIZE_MAX:
            os.truncate(self.file, size + GROWTH)
            self.counts["growth"] += 1

    def take(self, number):
        name = f"{self.device}-{number}"
        with open(self.file, "rb") as file:
            data = file.read()
        sluice(self.run, "snapshot", "take", self.device, "--store", "dir:" + self.work, "--name", name)
        size = rawnbd.enter(self.socket, f"{self.device}@{name}").size
        if size > len(data):
            raise Wrong(f"{name} has {size} bytes, the file {len(data)}")
        # The agent looks at the file's size every now and then: the cut may be of the size before.
        taken = Taken(number, name, data[:size], sluice_json(self.run, "snapshot", "info", name))
        self.taken.append(taken)
        return taken

    def forget(self):
        held = [taken for taken in self.taken if taken.held]
        while len(held) > HELD_MAX:
            # One that is held long keeps those taken since, and there may be 32.
            old = held[-1].round - held[0].round >= HELD_ROUNDS_MAX
            gone = held.pop(0 if old else self.random.randrange(len(held)))
            sluice(self.run, "snapshot", "destroy", gone.name)
            gone.held = False
        self.taken = [t for t in self.taken if t.held] + [t for t in self.taken if not t.held][-REMEMBERED_MAX:]
        self.taken.sort(key=lambda t: t.round)

    # ---- the readers ----

    def judge(self, what, taken, data):
        if data != taken.data:
            at = first_difference(data, taken.data)
            raise Wrong(f"{what} of {taken.name} differs at byte {at} of {len(taken.data)}: "
                        f"{data[at:at + 8].hex()} instead of {taken.data[at:at + 8].hex()}")

    def reader(self, name, taken):
        out = os.path.join(self.work, "copy")
        export = self.device if self.mutant == "live-image" else f"{self.device}@{taken.name}"
        process = subprocess.Popen(READERS[name](self.uri(export), out),
                                   stderr=subprocess.PIPE)
        return name, taken, out, process

    def finish(self, name, taken, out, process):
        error = process.communicate()[1].decode()
        if process.returncode:
            raise Wrong(f"{name} of {taken.name} failed: {error}")
        with open(out, "rb") as file:
            self.judge(name, taken, file.read())
        os.unlink(out)
        self.counts[name] += 1

    def incremental(self, taken, base):
        """Brings the bytes of the base up to date by the bitmap; looks at all maps on the way."""
        by_name = base.held and self.random_choice_of_name
        export = f"{self.device}@{taken.name}..{base.name if by_name else base.position}"
        if self.mutant == "later-base" and base.number < taken.number:
            export = f"{self.device}@{taken.name}..{base.generation}:{base.number + 1}"
        if self.mutant == "void-base" and base.number > taken.number:
            export = f"{self.device}@{taken.name}..{taken.position}"
        connection = rawnbd.Connection(self.socket)
        connection.option(rawnbd.STRUCTURED_REPLY)
        bitmap = f"qemu:dirty-bitmap:backup-{self.device}"
        bitmaps = list(connection.list_meta(export, "qemu:dirty-bitmap:"))
        if base.generation != taken.generation or base.number > taken.number:
            if bitmaps:
                raise Wrong(f"{export}: a void base has {bitmaps}")
            self.counts["void base"] += 1
            return
        if bitmaps != [bitmap]:
            raise Wrong(f"{export}: bitmaps {bitmaps}")
        connection.set_meta(export, ALLOCATION, DEPTH, bitmap)
        connection.go(export)
        backup, dirty = bytearray(base.data), []
        offset = 0
        while offset < connection.size:
            found = connection.status(offset, connection.size - offset)
            if self.mutant == "live-zeroes":
                length = sum(length for length, _ in found[bitmap])
                found[ALLOCATION] = self.live_status(offset, length)
            for at, length, state, is_dirty in overlaps(found[ALLOCATION], found[bitmap]):
                at += offset
                zero = state & 2
                if zero and any(taken.data[at:at + length]):
                    raise Wrong(f"{export}: {at}+{length} is said to be zero, and was not at the take")
                if is_dirty:
                    dirty.append((at, length))
                    backup[at:at + length] = bytes(length) if zero else connection.read(at, length)
                    self.counts["zeroes skipped"] += bool(zero)
            offset += sum(length for length, _ in found[ALLOCATION])
        covered = set()
        for at, length in dirty:
            covered.update(range(at // BLOCK, (at + length + BLOCK - 1) // BLOCK))
        for at in ranges_of_difference(base.data, taken.data):
            if at // BLOCK not in covered:
                raise Wrong(f"{export}: the change at byte {at} is not in the bitmap")
        self.judge(f"incremental from {base.name}", taken, bytes(backup))
        self.counts["incremental"] += 1

    def live_status(self, offset, length):
        """The live device's extents over just that range."""
        live, extents = rawnbd.enter(self.socket, self.device, contexts=[ALLOCATION]), []
        while length:
            for extent, state in live.status(offset, length)[ALLOCATION]:
                extents.append((extent, state))
                offset, length = offset + extent, length - extent
        return extents

    def overlay(self, taken, base):
        """The recipe with qemu's tools: an overlay, filled by reading what is dirty, on a full backup."""
        export = f"{self.device}@{taken.name}..{base.position}"
        full, over = (os.path.join(self.work, name) for name in ("full.raw", "over.qcow2"))
        with open(full, "wb") as file:
            file.write(base.data)
        quiet = dict(check=True, capture_output=True, text=True)
        subprocess.run(["qemu-img", "create", "-f", "qcow2", "-F", "raw", "-b", self.uri(export), over], **quiet)
        connection = rawnbd.enter(self.socket, export, contexts=[f"qemu:dirty-bitmap:backup-{self.device}"])
        reads, at = [], 0
        while at < connection.size:
            for length, dirty in next(iter(connection.status(at, connection.size - at).values())):
                reads += ["-c", f"r {at} {length}"] if dirty else []
                at += length
        if reads:
            subprocess.run(["qemu-io", "-C", *reads, over], **quiet)
        subprocess.run(["qemu-img", "rebase", "-u", "-b", full, "-F", "raw", over], **quiet)
        subprocess.run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", over, full + ".out"], **quiet)
        with open(full + ".out", "rb") as file:
            self.judge("overlay", taken, file.read())
        for path in (full, over, full + ".out"):
            os.unlink(path)
        self.counts["overlay"] += 1

    # ---- a round ----

    def round(self, number):
        for _ in range(self.random.randrange(12)):
            self.write()
        if self.random.randrange(25) == 0:
            self.grow()
        newest = self.take(number)
        held = [taken for taken in self.taken if taken.held]
        process = self.reader(
            self.random.choice(list(READERS)), self.random.choice([newest, self.random.choice(held)]))
        taken, base = self.random.choice([newest, self.random.choice(held)]), self.random.choice(self.taken)
        self.random_choice_of_name = self.random.randrange(2)
        failure = []

        def incremental():
            try:
                self.incremental(taken, base)
            except Exception as e:
                failure.append(e)

        beside = threading.Thread(target=incremental)
        beside.start()
        # How many depends on the readers; what they are, on the seed of the round alone.
        self.random, decided = random.Random(self.random.random()), self.random
        written = 0
        while written < WRITES_BESIDE_MAX and (
                beside.is_alive() or process[-1].poll() is None):
            self.write()
            written += 1
        self.counts["writes beside readers"] += written
        self.random = decided
        beside.join()
        self.finish(*process)
        if failure:
            raise failure[0]
        valid = [t for t in self.taken if t.generation == newest.generation]
        if number % 25 == 0:
            self.overlay(newest, self.random.choice(valid))
        self.forget()
        if os.stat(self.file).st_size != self.size and number % 5 == 0:
            self.connect()


def main(run, device, file, work, rounds, seed, mutant=None):
    assert mutant is None or mutant in MUTANTS, f"no mutant {mutant}, there are {list(MUTANTS)}"
    oracle = Oracle(run, device, file, work, int(seed), mutant)
    for number in range(1, int(rounds) + 1):
        try:
            oracle.round(number)
        except (Wrong, AssertionError, nbd.Error, subprocess.CalledProcessError) as e:
            detail = getattr(e, "stderr", None) or ""
            raise SystemExit(f"round {number}: {e} {detail}\nreplay with MAP_ORACLE_SEED={seed} MAP_ORACLE_ROUNDS={number}")
    counts = ", ".join(f"{count} {what}" for what, count in oracle.counts.items())
    print(f"figure: seed {seed}, {rounds} rounds: {counts}")
    missing = [what for what, count in oracle.counts.items() if not count and int(rounds) >= 100]
    assert not missing, f"never happened: {missing}"


if __name__ == "__main__":
    main(*sys.argv[1:])
