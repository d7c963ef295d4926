"""The servers under comparison: how each is started, asked for a fresh snapshot, and stopped."""

import os
import shutil
import signal
import socket
import struct
import subprocess
import time

from measure import process_cpu_seconds, process_peak_bytes

START_LIMIT_SECONDS = 30
STOP_LIMIT_SECONDS = 20


class Place:
    """Where the image and what is saved from it lie: a directory in memory or on a disk."""

    def __init__(self, name, directory, size_bytes):
        self.name, self.directory, self.size_bytes = name, directory, size_bytes
        self.image = os.path.join(directory, "image.raw")
        self.store = os.path.join(directory, "store")

    def fill(self):
        os.makedirs(self.store, mode=0o700, exist_ok=True)
        fill(self.image, self.size_bytes)

    def settle(self):
        settle(self.image)


def fill(path, size_bytes):
    """Makes an image: incompressible bytes, so that nobody gains from zeroes or holes."""
    step = 16 << 20
    with open(path, "wb") as image:
        for start in range(0, size_bytes, step):
            image.write(os.urandom(min(step, size_bytes - start)))


def settle(path):
    """Writes dirty pages back, so that no measurement pays for the one before it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Server:
    """A process that serves NBD on a unix socket."""

    name = ""
    export = ""
    image_export = None

    def __init__(self, place, directory):
        self.place = place
        self.directory = os.path.join(directory, f"{self.name}-{place.name}")
        os.makedirs(self.directory, mode=0o700, exist_ok=True)
        self.socket_path = os.path.join(self.directory, "nbd.sock")
        self.process = None
        self.peak_bytes = 0

    def command(self):
        raise NotImplementedError

    def environment(self):
        return None

    def start(self):
        if os.path.exists(self.socket_path):
            os.unlink(self.socket_path)
        with open(os.path.join(self.directory, "log"), "ab") as log:
            # A group of its own: an interrupt at the terminal is for the runner, which stops us.
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, env=self.environment(),
                                            start_new_session=True)
        self.pid = self._await_listener()

    def _await_listener(self):
        """Waits until the socket takes connections; tells which process listens on it."""
        deadline = time.monotonic() + START_LIMIT_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name}: exit {self.process.returncode}: {self.log_tail()}")
            with socket.socket(socket.AF_UNIX) as probe:
                try:
                    probe.connect(self.socket_path)
                except OSError:
                    time.sleep(0.02)
                    continue
                credentials = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
                return struct.unpack("3i", credentials)[0]
        raise RuntimeError(f"{self.name}: no socket after {START_LIMIT_SECONDS} s: {self.log_tail()}")

    def log_tail(self):
        with open(os.path.join(self.directory, "log"), encoding="utf-8", errors="replace") as log:
            return log.read()[-2000:].strip()

    def uri(self, export=None):
        return f"nbd+unix:///{self.export if export is None else export}?socket={self.socket_path}"

    def image_uri(self):
        return self.uri(self.image_export)

    def cpu_seconds(self):
        return process_cpu_seconds(self.pid)

    def note_peak(self):
        if self.process is not None and self.process.poll() is None:
            self.peak_bytes = max(self.peak_bytes, process_peak_bytes(self.pid))

    def stop(self):
        if self.process is None:
            return
        self.note_peak()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_LIMIT_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def saved_bytes(self):
        """What a snapshot has copied, and the room that this takes; None if that can't be told."""
        return None

    def fresh(self):
        """Begins a measurement in which nothing has been saved yet."""
        self.stop()
        self.start()

    def release(self):
        """Ends what fresh() began, where something is held."""


class QemuRaw(Server):
    name = "qsd"
    export = "disk"

    def command(self):
        return ["qemu-storage-daemon",
                "--blockdev", "driver=file,node-name=f0,filename=" + self.place.image
                + ",cache.direct=off,aio=threads,locking=off",
                "--blockdev", "driver=raw,node-name=base,file=f0",
                "--nbd-server", f"addr.type=unix,addr.path={self.socket_path},max-connections=0",
                "--export", "type=nbd,id=e0,node-name=base,name=disk,writable=on"]


class QemuFuse(Server):
    """The file that it is mounted over stands where the others have their socket."""

    name = "qsd-fuse"

    def file(self):
        return os.path.join(self.directory, "disk")

    def command(self):
        return ["qemu-storage-daemon",
                "--blockdev", "driver=file,node-name=f0,filename=" + self.place.image
                + ",cache.direct=off,aio=threads,locking=off",
                "--blockdev", "driver=raw,node-name=base,file=f0",
                "--export", f"type=fuse,id=e0,node-name=base,mountpoint={self.file()},writable=on"]

    def start(self):
        with open(self.file(), "wb"):
            pass
        super().start()

    def _await_listener(self):
        deadline = time.monotonic() + START_LIMIT_SECONDS
        while os.stat(self.file()).st_size != self.place.size_bytes:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name}: exit {self.process.returncode}: {self.log_tail()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name}: not mounted: {self.log_tail()}")
            time.sleep(0.02)
        return self.process.pid


def may_mount():
    """Whether this user can have FUSE mounts here."""
    return os.access("/dev/fuse", os.R_OK | os.W_OK) and (
        os.geteuid() == 0 or shutil.which("fusermount3") is not None)


class QemuCopyBeforeWrite(Server):
    """A fresh graph is a fresh process: its target starts empty."""

    name = "qsd-cbw"
    export = "disk"
    image_export = "snap"

    def target(self):
        return os.path.join(self.place.store, "cbw.raw")

    def command(self):
        target = self.target()
        with open(target, "wb") as sparse:
            sparse.truncate(self.place.size_bytes)
        files = [("f0", self.place.image, "base"), ("tf", target, "tmp")]
        arguments = ["qemu-storage-daemon"]
        for node, path, raw in files:
            arguments += ["--blockdev", f"driver=file,node-name={node},filename={path},"
                          "cache.direct=off,aio=threads,locking=off",
                          "--blockdev", f"driver=raw,node-name={raw},file={node}"]
        return arguments + [
            "--blockdev", "driver=copy-before-write,node-name=cbw,file=base,target=tmp",
            "--blockdev", "driver=snapshot-access,node-name=snap,file=cbw",
            "--nbd-server", f"addr.type=unix,addr.path={self.socket_path},max-connections=0",
            "--export", "type=nbd,id=e0,node-name=cbw,name=disk,writable=on",
            "--export", "type=nbd,id=e1,node-name=snap,name=snap"]

    def release(self):
        self.stop()
        os.unlink(self.target())

    def saved_bytes(self):
        allocated_bytes = os.stat(self.target()).st_blocks * 512
        return allocated_bytes, allocated_bytes


class QemuNbd(Server):
    name = "qemu-nbd"

    def command(self):
        return ["qemu-nbd", "-k", self.socket_path, "-t", "-e", "8", "--image-opts",
                "driver=raw,file.driver=file,file.locking=off,file.filename=" + self.place.image]


class Nbdkit(Server):
    name = "nbdkit"

    def command(self):
        return ["nbdkit", "-f", "-U", self.socket_path, "file", self.place.image]


class NbdkitCow(Server):
    name = "nbdkit-cow"

    def command(self):
        return ["nbdkit", "-f", "-U", self.socket_path, "--filter=cow", "file", self.place.image]

    def environment(self):
        return dict(os.environ, TMPDIR=self.place.store)

    def release(self):
        self.stop()
