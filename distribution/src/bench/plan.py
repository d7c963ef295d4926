"""What is measured: the workloads, and one round of them over all servers in a shuffled order."""

import subprocess

from measure import KIB, MIB, Copy, Fio, FioFile

# What qemu's copy-before-write saves at a time; first touches are spread by it for every server.
CHUNK = 64 * KIB
LIVE_LOAD_IOPS = 2000

PLAIN = [
    Fio("4k-read-qd1", "randread", 4 * KIB, 1),
    Fio("4k-read-qd32", "randread", 4 * KIB, 32),
    Fio("4k-write-qd1", "randwrite", 4 * KIB, 1),
    Fio("4k-write-qd32", "randwrite", 4 * KIB, 32),
    Fio("1m-read-qd8", "read", MIB, 8),
    Fio("1m-write-qd8", "write", MIB, 8),
    Copy(),
]
COW = [
    Fio("cow-4k-qd1", "randwrite", 4 * KIB, 1),
    Fio("cow-4k-qd32", "randwrite", 4 * KIB, 32),
    Fio("cow-1m-qd8", "write", MIB, 8),
]
IMAGE = [
    Fio("image-4k-qd1", "randread", 4 * KIB, 1),
    Fio("image-4k-qd32", "randread", 4 * KIB, 32),
    Fio("image-1m-qd8", "read", MIB, 8),
]
FUSE = [
    FioFile("fuse-4k-read-qd1", "randread", 4 * KIB, 1),
    FioFile("fuse-4k-read-qd32", "randread", 4 * KIB, 32),
    FioFile("fuse-4k-write-qd1", "randwrite", 4 * KIB, 1),
    FioFile("fuse-4k-write-qd32", "randwrite", 4 * KIB, 32),
    FioFile("fuse-1m-read-qd8", "read", MIB, 8),
    FioFile("fuse-1m-write-qd8", "write", MIB, 8),
]
LIVE_LOAD = Fio("live-load", "randwrite", 4 * KIB, 1)

# Which servers take part in which kind of workload; qemu-nbd in the small requests only.
PLAIN_SERVERS = ["sluice-tracked", "qsd", "qemu-nbd", "nbdkit"]
COW_SERVERS = ["sluice-64k", "sluice-default", "qsd-cbw", "nbdkit-cow"]
IMAGE_SERVERS = ["sluice-64k", "sluice-default", "qsd-cbw"]
FUSE_SERVERS = ["sluice-tracked", "qsd-fuse"]
# sluice-cost is the agent whose own states are compared with each other: see cost.py.
ALL_SERVERS = sorted(set(PLAIN_SERVERS + COW_SERVERS + IMAGE_SERVERS + FUSE_SERVERS
                         + ["sluice-cost"]))


def workload_names():
    names = [workload.name for workload in PLAIN]
    for workload in COW:
        names += [workload.name + "-first", workload.name + "-again"]
    return names + [workload.name for workload in IMAGE + FUSE]


class Round:
    """Runs the chosen workloads once on the chosen servers of one place."""

    def __init__(self, place, servers, wanted, seconds, scratch, rng, record):
        self.place, self.servers, self.wanted = place, servers, wanted
        self.seconds, self.scratch, self.rng, self.record = seconds, scratch, rng, record

    def run(self):
        for workload in PLAIN:
            if self.wanted(workload.name):
                for server in self._shuffled(PLAIN_SERVERS):
                    if server.name != "qemu-nbd" or workload.name.startswith("4k-"):
                        self._plain(server, workload)
        for workload in FUSE:
            if self.wanted(workload.name):
                for server in self._shuffled(FUSE_SERVERS):
                    self._file(server, workload)
        for workload in COW:
            if self.wanted(workload.name):
                for server in self._shuffled(COW_SERVERS):
                    self._copy_on_write(server, workload)
        for workload in IMAGE:
            if self.wanted(workload.name):
                for server in self._shuffled(IMAGE_SERVERS):
                    self._image(server, workload)

    def _shuffled(self, names):
        chosen = [self.servers[name] for name in names if name in self.servers]
        self.rng.shuffle(chosen)
        return chosen

    def _timed(self, server, workload, uri):
        self.place.settle()
        if isinstance(workload, Copy):
            return workload.timed(server, uri, self.seconds, self.scratch, self.place.size_bytes)
        return workload.timed(server, uri, self.seconds, self.scratch)

    def _plain(self, server, workload):
        if server.name.startswith("sluice"):
            server.fresh()
        self.record(self.place.name, workload.name, server.name,
                    self._timed(server, workload, server.uri()))

    def _file(self, server, workload):
        if server.name.startswith("sluice"):
            server.fresh()
        self.record(self.place.name, workload.name, server.name,
                    self._timed(server, workload, server.file()))

    def _copy_on_write(self, server, workload):
        """Touches each chunk once, has all saved, and runs again on what is saved by now."""
        server.fresh()
        try:
            self.place.settle()
            first = workload.first_touch(server, server.uri(), self.place.size_bytes, CHUNK,
                                         self.scratch)
            first.update(self._saved(server, first["requests"] * workload.block_size))
            self.record(self.place.name, workload.name + "-first", server.name, first)
            # Smaller chunks than 64 KiB are not all touched by one write in each 64 KiB.
            COW[-1].first_touch(server, server.uri(), self.place.size_bytes, CHUNK, self.scratch)
            self.record(self.place.name, workload.name + "-again", server.name,
                        self._timed(server, workload, server.uri()))
            server.note_peak()
        finally:
            server.release()

    @staticmethod
    def _saved(server, written_bytes):
        """What the snapshot cost for each byte that the client wrote, where the server tells."""
        saved = server.saved_bytes()
        if saved is None:
            return {}
        copied_bytes, filled_bytes = saved
        return {"copied_per_written": copied_bytes / written_bytes,
                "filled_per_written": filled_bytes / written_bytes}

    def _image(self, server, workload):
        """Reads the image while the live device is written at one rate for all servers."""
        server.fresh()
        load = LIVE_LOAD.background(server.uri(), LIVE_LOAD_IOPS, self.scratch)
        try:
            result = self._timed(server, workload, server.image_uri())
            if load.poll() is not None:
                raise RuntimeError(f"{server.name}: the load on the live device ended early")
            self.record(self.place.name, workload.name, server.name, result)
            server.note_peak()
        finally:
            load.terminate()
            try:
                load.wait(10)
            except subprocess.TimeoutExpired:
                load.kill()
                load.wait()
            server.release()
