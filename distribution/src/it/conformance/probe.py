"""Cases of conformance that need a client which says what no real one would.

    probe.py CASE SOCKET    with the exports disk (16 MiB: 8 of data, 8 of hole), ro (read-only) and
                            large (5 GiB, all hole) there
"""

import pathlib
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "python"))
from rawnbd import *

MIB = 1 << 20
SIZE = 16 * MIB
ALLOCATION = "base:allocation"


def refused(reply, error, part=""):
    assert reply.error == error, (reply.error, reply.text)
    assert part in reply.text, reply.text


def works(connection):
    """It goes on as if nothing had been."""
    assert len(connection.read(4096, 512)) == 512


def greeting(path):
    assert Connection(path).greeting[16:] == b"\0\3"


def client_flags(path):
    for flags in (4, 1 << 31, 0xFFFFFFFF):
        assert Connection(path, flags).closed()


def unknown_option(path):
    connection = Connection(path)
    for option in (99, 0, 4, 0x7FFFFFFF):
        assert connection.option(option, bytes(1000))[-1][0] == UNSUP
    assert "disk" in connection.list()


def option_limits(path):
    connection = Connection(path)
    assert connection.info("x" * 5000)[1][0] in (INVALID, TOO_BIG)
    assert connection.option(LIST_META, bytes(20 << 10))[-1][0] == TOO_BIG
    assert connection.option(GO, struct.pack(">I", 0xFFFFFFF0) + bytes(6))[-1][0] == INVALID
    assert "disk" in connection.list()
    connection.say(LIST, length=33 * MIB)
    assert connection.closed()


def export_name(path):
    for flags, zeroes in ((FIXED_NEWSTYLE, 124), (FIXED_NEWSTYLE | NO_ZEROES, 0)):
        connection = Connection(path, flags)
        connection.say(EXPORT_NAME, b"disk")
        size, sent = struct.unpack(">QH", connection.receive(10))
        assert (size, sent & 1) == (SIZE, 1)
        assert connection.receive(zeroes) == bytes(zeroes)
        works(connection)
    connection = Connection(path)
    connection.say(EXPORT_NAME, b"nope")
    assert connection.closed()


def list_with_data(path):
    connection = Connection(path)
    assert connection.option(LIST, b"x")[-1][0] == INVALID
    assert "disk" in connection.list()


def list_exports(path):
    found = Connection(path).list()
    assert found.keys() == {"disk", "ro", "large"}, found
    assert "/" in found["disk"] and found["ro"] == "a description", found


def abort(path):
    connection = Connection(path)
    assert connection.option(ABORT)[-1][0] == ACK and connection.closed()
    gone = Connection(path)
    gone.say(ABORT)
    gone.socket.close()
    works(enter(path, "disk"))


def info_go(path):
    connection = Connection(path)
    kinds = (1, 2, 3, 0, 99)
    told, last = connection.info("disk", kinds)
    assert last[0] == ACK and told.keys() == {0, 1, 2, 3}, told
    assert told[1] == b"disk" and told[2], told
    assert connection.info("nope")[1][0] == UNKNOWN
    assert connection.go("disk", kinds) == told
    works(connection)


def go_without_block_size(path):
    connection = enter(path, "disk", 0)
    assert len(connection.read(13, 7)) == 7, "what no client asked about does not bind it"


def block_size_values(path):
    minimum, preferred, maximum = struct.unpack(">III", Connection(path).info("disk", (3,))[0][3])
    assert minimum & (minimum - 1) == 0 and 1 <= minimum <= 65536
    assert preferred >= 512 and preferred % minimum == 0 and maximum == 32 * MIB


def structured_reply(path):
    connection = Connection(path)
    assert connection.option(STRUCTURED_REPLY, b"x")[-1][0] == INVALID
    for _ in range(2):
        assert connection.option(STRUCTURED_REPLY)[-1][0] == ACK
    connection.go("disk")
    works(connection)


def meta_contexts(path):
    connection = Connection(path)
    assert connection.set_meta("disk", ALLOCATION) == INVALID, "before structured replies"
    connection.option(STRUCTURED_REPLY)
    assert ALLOCATION in connection.list_meta("disk")
    assert ALLOCATION in connection.list_meta("disk", "base:", "unknown:thing")
    assert connection.list_meta("disk", "unknown:", "base:nothing") == {}
    assert connection.set_meta("disk", "base:", "qemu:", "x-sluice:", "unknown:x") == {}
    assert list(connection.set_meta("disk", ALLOCATION, ALLOCATION)) == [ALLOCATION]
    truncated = text("disk") + struct.pack(">I", 2) + text(ALLOCATION)
    assert connection.option(SET_META, truncated)[-1][0] == INVALID
    connection.go("disk")
    refused(connection.ask(BLOCK_STATUS, 0, 512), EINVAL, "no context")


def meta_other_export(path):
    connection = Connection(path)
    connection.option(STRUCTURED_REPLY)
    assert connection.set_meta("ro", ALLOCATION)
    connection.go("disk")
    refused(connection.ask(BLOCK_STATUS, 0, 512), EINVAL, "no context")


def block_status(path):
    connection = enter(path, "disk", contexts=[ALLOCATION])
    found = connection.status(0, SIZE)[ALLOCATION]
    assert found == [(8 * MIB, 0), (8 * MIB, 3)], found
    one = connection.status(4096, 4096, REQ_ONE)[ALLOCATION]
    assert one == [(4096, 0)], one
    refused(connection.ask(BLOCK_STATUS, 0, 512, DF), EINVAL, "flags")


def block_status_none(path):
    for style in (0, STRUCTURED_REPLY, EXTENDED_HEADERS):
        connection = enter(path, "disk", style)
        refused(connection.ask(BLOCK_STATUS, 0, 512), EINVAL)
        works(connection)


def block_status_huge(path):
    length = (1 << 32) - 512
    connection = enter(path, "large", contexts=[ALLOCATION])
    assert connection.status(0, length)[ALLOCATION] == [(length, 3)]
    small = enter(path, "disk", contexts=[ALLOCATION])
    refused(small.ask(BLOCK_STATUS, 0, length), EINVAL, "past the end")
    works(small)


def read_structured(path):
    connection = enter(path, "disk")
    reply = connection.ask(READ, 0, SIZE)
    covered = sorted((at, len(data)) for at, data in reply.pieces)
    assert sum(length for _, length in covered) == SIZE
    assert all(a[0] + a[1] == b[0] for a, b in zip(covered, covered[1:])), covered
    assert reply.holes and min(at for at, _ in reply.holes) >= 8 * MIB, reply.holes
    simple = enter(path, "disk", 0)
    assert simple.read(0, SIZE) == connection.read(0, SIZE)


def read_df(path):
    connection = enter(path, "disk")
    for offset, length in ((0, 64 << 10), (0, SIZE), (8 * MIB - 512, 1024)):
        reply = connection.ask(READ, offset, length, DF)
        assert (reply.error, reply.chunks, reply.holes) == (0, 1, []), vars(reply)
        assert len(reply.data) == length


def zero_length(path):
    connection = enter(path, "disk", contexts=[ALLOCATION])
    for kind in (READ, WRITE, FLUSH, TRIM, CACHE, WRITE_ZEROES, BLOCK_STATUS):
        connection.ask(kind)
    works(connection)


def write_past_end(path):
    connection = enter(path, "disk")
    refused(connection.write(SIZE - 512, bytes(1024)), ENOSPC, "past the end")
    refused(connection.ask(WRITE_ZEROES, SIZE, 512), ENOSPC, "past the end")
    works(connection)


def read_past_end(path):
    connection = enter(path, "disk")
    for kind in (READ, TRIM):
        for offset, length in ((SIZE, 512), (SIZE - 512, 1024), (2**64 - 512, 1024), (2**63, 512)):
            refused(connection.ask(kind, offset, length), EINVAL, "past the end")
    works(connection)


def write_read_only(path):
    connection = enter(path, "ro")
    assert connection.flags & 2
    refused(connection.write(0, bytes(512)), EPERM, "read-only")
    for kind in (TRIM, WRITE_ZEROES):
        refused(connection.ask(kind, 0, 512), EPERM, "read-only")
    works(connection)


def flush(path):
    a, b = enter(path, "disk"), enter(path, "disk")
    assert a.flags & 4
    assert a.write(0, b"\7" * 512).error == 0
    assert b.ask(FLUSH, 12345, 0).error == 0, "the offset is ignored"
    assert b.read(0, 512) == b"\7" * 512


def fua(path):
    connection = enter(path, "disk", contexts=[ALLOCATION])
    assert connection.flags & 8
    assert connection.write(0, bytes(512), FUA).error == 0
    for kind in (READ, FLUSH, CACHE, TRIM, WRITE_ZEROES, BLOCK_STATUS):
        reply = connection.ask(kind, 4096, 0 if kind == FLUSH else 4096, FUA)
        assert reply.error == 0, (kind, reply.text)


def trim(path):
    connection = enter(path, "disk")
    assert connection.write(0, b"\1" * 65536).error == 0
    assert connection.ask(TRIM, 20000, 20000).error == 0
    assert connection.read(0, 20000) + connection.read(40000, 25536) == b"\1" * 45536


def cache(path):
    connection = enter(path, "disk")
    assert connection.flags & 1 << 10
    assert connection.ask(CACHE, 0, 1 * MIB).error == 0
    refused(connection.ask(CACHE, 0, 512, NO_HOLE), EINVAL, "flags")
    works(connection)


def write_zeroes(path):
    connection = enter(path, "disk", contexts=[ALLOCATION])
    for flags in (0, NO_HOLE, FUA, FAST_ZERO):
        assert connection.write(0, b"\1" * 65536).error == 0
        reply = connection.ask(WRITE_ZEROES, 4096, 8192, flags)
        if flags == FAST_ZERO and reply.error == ENOTSUP:
            assert connection.read(4096, 8192) == b"\1" * 8192, "refused, and not left alone"
            continue
        assert reply.error == 0, reply.text
        assert connection.read(0, 65536) == b"\1" * 4096 + bytes(8192) + b"\1" * 53248
        if flags == NO_HOLE:
            assert not any(state & 1 for _, state in connection.status(4096, 8192)[ALLOCATION])


def long_without_payload(path):
    connection = enter(path, "large")
    for kind in (TRIM, WRITE_ZEROES, CACHE):
        assert connection.ask(kind, 0, (1 << 32) - 512).error in (0, EINVAL, EOVERFLOW, ENOTSUP)
    works(connection)


def payload_limit(path):
    connection = enter(path, "large")
    refused(connection.ask(READ, 0, 48 * MIB), EINVAL, "limit")
    refused(connection.write(0, bytes(32 * MIB + 512)), EINVAL, "limit")
    assert len(connection.read(0, 32 * MIB)) == 32 * MIB
    connection.request(WRITE, 0, 65 * MIB)
    assert connection.closed()


def unknown_command(path):
    connection = enter(path, "disk")
    refused(connection.ask(9), EINVAL, "unknown command")
    refused(connection.ask(65535), EINVAL, "unknown command")
    refused(connection.ask(READ, 0, 512, 1 << 9), EINVAL, "flags")
    works(connection)


def bad_magic(path):
    connection = enter(path, "disk")
    connection.request(READ, 0, 512, magic=0x12345678)
    assert connection.closed()


def disc(path):
    connection = enter(path, "disk")
    connection.request(WRITE, 0, 512, cookie=5, payload=b"\x55" * 512)
    connection.request(DISC)
    assert connection.reply().cookie == 5
    assert connection.closed()
    assert enter(path, "disk").read(0, 512) == b"\x55" * 512


def errors(path):
    known = {EPERM, EIO, ENOMEM, EINVAL, ENOSPC, EOVERFLOW, ENOTSUP, ESHUTDOWN}
    for style in (0, STRUCTURED_REPLY, EXTENDED_HEADERS):
        connection = enter(path, "ro", style)
        for reply in (connection.write(0, bytes(512)), connection.ask(READ, SIZE, 512), connection.ask(9)):
            assert reply.error in known
            assert bool(reply.text) == bool(style), reply.text
            assert len(reply.text) <= 4096


def flags(path):
    assert Connection(path).info("ro")[0][0][-1] & 2, "READ_ONLY"
    connection = Connection(path)
    connection.info("disk")
    assert not connection.flags & 1 << 7, "SEND_DF before structured replies"
    assert not connection.flags & 2
    connection.option(STRUCTURED_REPLY)
    connection.info("disk")
    assert connection.flags & 1 << 7


def ordering(path):
    connection = enter(path, "disk")
    for cookie in range(64):
        connection.request(WRITE, cookie * 4096, 4096, cookie=cookie, payload=bytes([cookie]) * 4096)
        connection.request(READ, cookie * 4096, 4096, cookie=1000 + cookie)
    cookies = {connection.reply().cookie for _ in range(128)}
    assert cookies == set(range(64)) | set(range(1000, 1064))
    connection.request(FLUSH, cookie=1)
    assert connection.reply().cookie == 1
    for at in range(64):
        assert connection.read(at * 4096, 4096) == bytes([at]) * 4096


def extended_headers(path):
    connection = enter(path, "disk", EXTENDED_HEADERS, [ALLOCATION])
    assert connection.write(512, b"\3" * 512).error == 0
    assert connection.read(0, 2048)[512:1024] == b"\3" * 512
    reply = connection.ask(FLUSH, 4711, 0)
    assert (reply.error, reply.repeated_offset) == (0, 4711)
    refused(connection.ask(READ, 0, 100, PAYLOAD_LEN, bytes(100)), EINVAL)
    large = enter(path, "large", EXTENDED_HEADERS, [ALLOCATION])
    assert large.status(0, 5 << 30)[ALLOCATION] == [(5 << 30, 3)]
    again = Connection(path)
    assert again.option(EXTENDED_HEADERS)[-1][0] == ACK
    assert again.option(STRUCTURED_REPLY)[-1][0] == EXT_REQD
    again.say(EXPORT_NAME, b"disk")
    assert again.closed()
    connection.request(WRITE, 0, 1 << 40, PAYLOAD_LEN)
    assert connection.closed()


def block_status_payload(path):
    connection = enter(path, "disk", EXTENDED_HEADERS, [ALLOCATION])
    assert connection.flags & 1 << 12
    ident = connection.contexts[ALLOCATION]

    def ask(payload):
        return connection.ask(BLOCK_STATUS, 0, len(payload), PAYLOAD_LEN, payload)

    chosen = ask(struct.pack(">QI", SIZE, ident))
    assert chosen.status == {ident: [(8 * MIB, 0), (8 * MIB, 3)]}, chosen.status
    for bad in (struct.pack(">QII", SIZE, ident, ident), struct.pack(">QI", SIZE, ident + 9),
                struct.pack(">Q", SIZE), bytes(7), struct.pack(">QI", SIZE + 512, ident)):
        refused(ask(bad), EINVAL, "BLOCK_STATUS")
    works(connection)
    for style, contexts in ((EXTENDED_HEADERS, ()), (STRUCTURED_REPLY, [ALLOCATION])):
        assert not enter(path, "disk", style, contexts).flags & 1 << 12


def handshake_limits(path):
    quiet = Connection(path, None)
    crowd = []
    for _ in range(300):
        try:
            crowd.append(Connection(path))
        except Closed:
            break
    assert len(crowd) < 300, "nobody was turned away"
    for connection in crowd:
        connection.socket.close()
    began = time.monotonic()
    assert quiet.closed()
    assert time.monotonic() - began < 15, "a client that says nothing is kept"
    works(enter(path, "disk"))


def client_lessons(path):
    connection = enter(path, "large", contexts=[ALLOCATION])
    for _ in range(50):
        assert connection.status(0, (1 << 32) - 1)
    refused(connection.ask(BLOCK_STATUS, 2**64 - 1, (1 << 32) - 1), EINVAL)
    read_only = enter(path, "ro")
    assert not read_only.flags & 1 << 11
    assert read_only.ask(WRITE_ZEROES, 0, 512, FAST_ZERO).error in (EINVAL, EPERM)
    works(read_only)


CASES = {name: value for name, value in list(globals().items()) if callable(value)}

if __name__ == "__main__":
    CASES[sys.argv[1]](sys.argv[2])
