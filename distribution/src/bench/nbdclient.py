"""A small NBD client whose connection outlives a measurement.

fio connects anew for each job, which takes longer than a slice of the cost measurements. This one
sends prepared batches on connections that stay open, and does little else: what it costs is the same
for all states of the server.
"""

import itertools
import os
import socket
import struct
import time

from measure import ClientFailed

REQUEST = struct.Struct(">IHHQQI")
REPLY_BYTES = 16
REQUEST_MAGIC, REPLY_MAGIC = 0x25609513, 0x67446698
READ, WRITE = 0, 1
FIXED_NEWSTYLE_NO_ZEROES = 3
EXPORT_NAME = 1
TIME_LIMIT_SECONDS = 60


class Connection:
    """One connection to one export, from one thread. Simple replies, nothing negotiated."""

    def __init__(self, socket_path, export):
        self.export = export
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(TIME_LIMIT_SECONDS)
        self.socket.connect(socket_path)
        greeting = self._receive(18)
        if greeting[:16] != b"NBDMAGICIHAVEOPT":
            raise ClientFailed(f"{export}: no NBD server: {bytes(greeting)!r}")
        name = export.encode()
        self.socket.sendall(struct.pack(">I8sII", FIXED_NEWSTYLE_NO_ZEROES, b"IHAVEOPT",
                                        EXPORT_NAME, len(name)) + name)
        self.size_bytes, _ = struct.unpack(">QH", self._receive(10))

    def close(self):
        self.socket.close()

    def _receive(self, byte_count):
        data = bytearray(byte_count)
        self.receive_into(memoryview(data))
        return data

    def receive_into(self, view):
        done = 0
        while done < len(view):
            count = self.socket.recv_into(view[done:])
            if count == 0:
                raise ClientFailed(f"{self.export}: the server closed the connection")
            done += count


class Batch:
    """Requests of one kind that are sent and answered together."""

    def __init__(self, operation, block_bytes, count):
        self.operation, self.block_bytes, self.count = operation, block_bytes, count
        writes = operation == WRITE
        self.step_bytes = REQUEST.size + (block_bytes if writes else 0)
        self.requests = bytearray()
        for _ in range(count):
            self.requests += bytes(REQUEST.size) + (os.urandom(block_bytes) if writes else b"")
        self.replies = bytearray(count * (REPLY_BYTES + (0 if writes else block_bytes)))
        self.reply_view = memoryview(self.replies)
        self.reply_form = struct.Struct(">" + (f"II8x{0 if writes else block_bytes}x") * count)
        self.good = (REPLY_MAGIC, 0) * count

    def send(self, connection, offsets):
        """Sends one request for each of the next offsets, in bytes."""
        for i in range(self.count):
            REQUEST.pack_into(self.requests, i * self.step_bytes, REQUEST_MAGIC, 0, self.operation,
                              i, next(offsets), self.block_bytes)
        connection.socket.sendall(self.requests)

    def finish(self, connection):
        connection.receive_into(self.reply_view)
        found = self.reply_form.unpack(self.replies)
        if found != self.good:
            errors = [found[i + 1] for i in range(0, len(found), 2) if found[i + 1]]
            raise ClientFailed(f"{connection.export}: a request failed, or an unknown reply: "
                               f"errno {errors or found[:2]}")


class Load:
    """A shape of requests: with a depth above 1 in two halves, one of which is always under way."""

    def __init__(self, operation, block_bytes, depth):
        halves = 1 if depth == 1 else 2
        self.batches = [Batch(operation, block_bytes, depth // halves) for _ in range(halves)]

    def run(self, connection, offsets, enough):
        """Sends until enough(requests so far) says so; returns the number of requests.

        Afterwards nothing is under way.
        """
        sent = 0
        for batch in self.batches:
            batch.send(connection, offsets)
            sent += batch.count
        turn = itertools.cycle(self.batches)
        while True:
            batch = next(turn)
            batch.finish(connection)
            if enough(sent):
                break
            batch.send(connection, offsets)
            sent += batch.count
        for _ in self.batches[1:]:
            next(turn).finish(connection)
        return sent


def until(deadline_nanos):
    return lambda _: time.monotonic_ns() >= deadline_nanos


def count_of(request_count):
    return lambda sent: sent >= request_count
