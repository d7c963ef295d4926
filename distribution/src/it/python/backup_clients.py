"""Incremental backups as others' programs make them over NBD, with their habits on the wire.

    backup_clients.py CLIENT SOCKET EXPORT BITMAP BACKUP

BACKUP is a raw file with the bytes of the base; it is brought up to date in place. What each was seen to
do is its own; the code is not theirs.
"""

import os
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import rawnbd

ALLOCATION, DEPTH = "base:allocation", "qemu:allocation-depth"
PAYLOAD_MAX = 32 << 20


def uri(socket, export):
    return f"nbd+unix:///{export}?socket={socket}"


def overlaps(first, second):
    """(offset, length, a, b) of two lists of (length, state) that cover the same range."""
    at, i, j, left_i, left_j = 0, 0, 0, first[0][0], second[0][0]
    while True:
        step = min(left_i, left_j)
        yield at, step, first[i][1], second[j][1]
        at, left_i, left_j = at + step, left_i - step, left_j - step
        if not left_i:
            i += 1
            if i == len(first):
                assert j == len(second) - 1 and not left_j, "the lists differ in length"
                return
            left_i = first[i][0]
        if not left_j:
            j += 1
            left_j = second[j][0]


def store(backup, pieces, read):
    """Writes (offset, length, zero) into the file; what is zero is not read."""
    seen = read_bytes = 0
    with open(backup, "r+b") as out:
        for offset, length, zero in pieces:
            seen += length
            while length:
                step = min(length, PAYLOAD_MAX)
                out.seek(offset)
                if zero:
                    out.write(bytes(step))
                else:
                    out.write(read(offset, step))
                    read_bytes += step
                offset, length = offset + step, length - step
    print(f"figure: {seen} bytes changed, {read_bytes} of them read")
    return seen


def imageio(socket, export, bitmap, backup):
    """oVirt imageio: asks which bitmaps there are and wants one; three contexts; no block size; 2 GiB steps."""
    connection = rawnbd.Connection(socket, rawnbd.FIXED_NEWSTYLE)
    assert connection.option(rawnbd.STRUCTURED_REPLY)[-1][0] == rawnbd.ACK
    bitmaps = list(connection.list_meta(export, "qemu:dirty-bitmap:"))
    assert bitmaps == [bitmap], f"wants exactly one bitmap, there are {bitmaps}"
    assert connection.set_meta(export, ALLOCATION, DEPTH, bitmap).keys() == {ALLOCATION, DEPTH, bitmap}
    connection.go(export)
    pieces, offset, steps = [], 0, 0
    while offset < connection.size:
        step = min(2 << 30, connection.size - offset)
        found = connection.status(offset, step)
        for at, length, dirty, state in overlaps(found[bitmap], found[ALLOCATION]):
            assert dirty in (0, 1) and state in (0, 2, 3), (dirty, state)
            if dirty:
                pieces.append((offset + at, length, bool(state & 2)))
        assert all(0 <= depth <= 2 for _, depth in found[DEPTH]), found[DEPTH]
        offset += sum(length for length, _ in found[ALLOCATION])
        steps += 1
    store(backup, pieces, connection.read)
    assert steps >= (connection.size + (2 << 30) - 1) >> 31


def virtnbdbackup(socket, export, bitmap, backup):
    """virtnbdbackup: asks for 4 GiB less one block, goes on by the first context alone, joins the others."""
    import nbd
    handle = nbd.NBD()
    handle.add_meta_context(ALLOCATION)
    handle.add_meta_context(bitmap)
    handle.connect_uri(uri(socket, export))
    assert handle.can_meta_context(bitmap), f"no {bitmap}"
    size, align = handle.get_size(), max(handle.get_block_size(nbd.SIZE_MINIMUM), 512)
    joined = {ALLOCATION: [], bitmap: []}
    offset = 0

    def extent(context, at, entries, error):
        nonlocal offset
        pairs = list(zip(entries[::2], entries[1::2]))
        joined[context] += pairs
        if context == ALLOCATION:
            offset = at + sum(length for length, _ in pairs)

    while offset < size:
        handle.block_status(min(size - offset, (1 << 32) - align), offset, extent)
    assert all(state in (0, 1, 2, 3) for _, state in joined[ALLOCATION])
    assert all(state in (0, 1) for _, state in joined[bitmap])
    for context, pairs in joined.items():
        assert sum(length for length, _ in pairs) == size, f"{context} does not cover the export"
    pieces = [
        (at, length, bool(state & 2))
        for at, length, state, dirty in overlaps(joined[ALLOCATION], joined[bitmap])
        if dirty
    ]
    store(backup, pieces, lambda at, length: handle.pread(length, at))


def libnbd(socket, export, bitmap, backup):
    """The plain way with libnbd: a loop of block status over the bitmap alone."""
    import nbd
    handle = nbd.NBD()
    handle.add_meta_context(bitmap)
    handle.connect_uri(uri(socket, export))
    size, pieces, offset = handle.get_size(), [], 0

    def extent(context, at, entries, error):
        nonlocal offset
        assert context == bitmap
        for length, dirty in zip(entries[::2], entries[1::2]):
            if dirty:
                pieces.append((at, length, False))
            at += length
        offset = at

    while offset < size:
        handle.block_status(min(size - offset, 1 << 30), offset, extent)
    store(backup, pieces, lambda at, length: handle.pread(length, at))


def ranges(socket, export, bitmap, backup):
    """What nbdinfo --json --map printed, on standard input, and libnbd for the bytes."""
    import json
    import nbd
    handle = nbd.NBD()
    handle.connect_uri(uri(socket, export))
    pieces = [(e["offset"], e["length"], False) for e in json.load(sys.stdin) if e["type"] == 1]
    store(backup, pieces, lambda at, length: handle.pread(length, at))


CLIENTS = {"imageio": imageio, "virtnbdbackup": virtnbdbackup, "libnbd": libnbd, "ranges": ranges}

if __name__ == "__main__":
    CLIENTS[sys.argv[1]](*sys.argv[2:])
