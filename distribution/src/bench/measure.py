"""Running one client against one server, and what the server's process used for it."""

import functools
import json
import os
import subprocess
import tempfile
import time

KIB = 1024
MIB = 1024 * KIB
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
CLIENT_TIME_LIMIT_SECONDS = 600


class ClientFailed(Exception):
    """A client exited with an error; the message holds what it said."""


class Fio:
    """One fio job shape. Random offsets, no memory of visited blocks, no fixed seed between runs."""

    def __init__(self, name, rw, block_size, depth):
        self.name, self.rw, self.block_size, self.depth = name, rw, block_size, depth

    def unit(self):
        return "MiB/s" if self.block_size >= MIB else "kIOPS"

    def arguments(self, uri):
        return ["fio", "--name=" + self.name, "--ioengine=nbd", "--uri=" + uri, "--rw=" + self.rw,
                f"--bs={self.block_size}", f"--iodepth={self.depth}", "--norandommap",
                "--randrepeat=0", "--output-format=json"]

    def timed(self, server, uri, seconds, scratch):
        """Runs for a fixed time."""
        limit = ["--time_based", f"--runtime={int(seconds * 1000)}ms"]
        return self._run(server, self.arguments(uri) + limit, scratch)

    def first_touch(self, server, uri, size_bytes, stride_bytes, scratch):
        """Writes once into each stride of the device: upwards, at a random block within it.

        A random order over the whole device would need fio's map of visited blocks, which works in
        units of the block size and so would meet most chunks many times.
        """
        stride_bytes = max(stride_bytes, self.block_size)
        strides = size_bytes // stride_bytes
        once = [f"--io_size={strides * self.block_size}"]
        if stride_bytes > self.block_size:
            once += ["--zonemode=strided", f"--zonerange={stride_bytes}",
                     f"--zonesize={self.block_size}", "--zoneskip=0"]
        return self._run(server, self.arguments(uri) + once, scratch)

    def background(self, uri, rate_iops, scratch):
        """Starts the job at a fixed rate; the caller ends it."""
        limit = ["--time_based", f"--runtime={CLIENT_TIME_LIMIT_SECONDS}", f"--rate_iops={rate_iops}",
                 "--output=" + os.path.join(scratch, "background.json")]
        return subprocess.Popen(self.arguments(uri) + limit, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)

    def _run(self, server, arguments, scratch):
        output = os.path.join(scratch, "fio.json")
        cpu_before = server.cpu_seconds()
        run_client(arguments + ["--output=" + output])
        cpu_seconds = server.cpu_seconds() - cpu_before
        with open(output, encoding="utf-8") as report:
            job = json.load(report)["jobs"][0]
        if job["error"]:
            raise ClientFailed(f"{' '.join(arguments)}: error {job['error']}")
        sides = [job[side] for side in ("read", "write") if job[side]["runtime"]]
        byte_count = sum(side["io_bytes"] for side in sides)
        run_seconds = max(side["runtime"] for side in sides) / 1000
        requests = byte_count // self.block_size
        rate = byte_count / MIB if self.block_size >= MIB else requests / 1000
        return {"value": rate / run_seconds, "unit": self.unit(), "requests": requests,
                "seconds": run_seconds, "cpu_us_per_request": cpu_seconds * 1e6 / max(1, requests),
                "p99_us": sides[0]["clat_ns"].get("percentile", {}).get("99.000000", 0) / 1000}


class FioFile(Fio):
    """The same on a file, past the page cache, as a virtual machine's disk is used."""

    def arguments(self, path):
        return ["fio", "--name=" + self.name, "--ioengine=" + file_engine(), "--direct=1",
                "--filename=" + path, "--rw=" + self.rw, f"--bs={self.block_size}",
                f"--iodepth={self.depth}", "--norandommap", "--randrepeat=0",
                "--output-format=json"]


@functools.lru_cache(maxsize=None)
def file_engine():
    """io_uring where fio has it and the kernel allows it, which containers often do not."""
    with tempfile.NamedTemporaryFile() as probe:
        tried = subprocess.run(
            ["fio", "--name=probe", "--ioengine=io_uring", "--filename=" + probe.name, "--size=4k",
             "--rw=write", "--bs=4k"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            timeout=60, check=False)
    return "io_uring" if tried.returncode == 0 else "libaio"


class Copy:
    """nbdcopy of the whole device to nowhere: what a full backup reads."""

    name = "nbdcopy"

    @staticmethod
    def unit():
        return "MiB/s"

    @staticmethod
    def timed(server, uri, _seconds, _scratch, size_bytes):
        cpu_before = server.cpu_seconds()
        started = time.monotonic()
        run_client(["nbdcopy", "--no-extents", uri, "null:"])
        run_seconds = time.monotonic() - started
        cpu_seconds = server.cpu_seconds() - cpu_before
        return {"value": size_bytes / MIB / run_seconds, "unit": "MiB/s",
                "requests": size_bytes // MIB, "seconds": run_seconds,
                "cpu_us_per_request": cpu_seconds * 1e6 / (size_bytes / MIB), "p99_us": 0}


def run_client(arguments):
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=CLIENT_TIME_LIMIT_SECONDS, check=False)
    if done.returncode != 0:
        raise ClientFailed(f"{' '.join(arguments)}: exit {done.returncode}: {done.stdout.strip()}")
    return done.stdout


def process_cpu_seconds(pid):
    """User and system time of a process, all its threads included."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def process_peak_bytes(pid):
    """The highest resident size that a process has had."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * KIB
    return 0
