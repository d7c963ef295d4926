"""An NBD client that says whatever it is told, right or wrong, and takes answers apart strictly."""

import socket
import struct

GREETING = b"NBDMAGICIHAVEOPT"
FIXED_NEWSTYLE, NO_ZEROES = 1, 2
EXPORT_NAME, ABORT, LIST, INFO, GO = 1, 2, 3, 6, 7
STRUCTURED_REPLY, LIST_META, SET_META, EXTENDED_HEADERS = 8, 9, 10, 11
ACK, SERVER, INFO_REPLY, META_CONTEXT = 1, 2, 3, 4
ERROR = 1 << 31
UNSUP, POLICY, INVALID, TLS_REQD, UNKNOWN, SHUTDOWN, TOO_BIG, EXT_REQD = (
    ERROR + n for n in (1, 2, 3, 5, 6, 7, 9, 10))
READ, WRITE, DISC, FLUSH, TRIM, CACHE, WRITE_ZEROES, BLOCK_STATUS, RESIZE = range(9)
FUA, NO_HOLE, DF, REQ_ONE, FAST_ZERO, PAYLOAD_LEN = (1 << n for n in range(6))
EPERM, EIO, ENOMEM, EINVAL, ENOSPC, EOVERFLOW, ENOTSUP, ESHUTDOWN = 1, 5, 12, 22, 28, 75, 95, 108
TIME_LIMIT_SECONDS = 30


class Closed(Exception):
    """The server has hung up."""


class Reply:
    """One whole answer: an error, or data, holes and block status by context id."""

    def __init__(self, cookie):
        self.cookie, self.error, self.text, self.chunks = cookie, 0, "", 0
        self.data, self.holes, self.pieces, self.status = b"", [], [], {}
        self.repeated_offset = None


class Connection:
    """One connection, from one thread."""

    def __init__(self, address, flags=FIXED_NEWSTYLE | NO_ZEROES):
        """`address` is a path, or (host, port)."""
        self.socket = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        self.socket.settimeout(TIME_LIMIT_SECONDS)
        self.socket.connect(address)
        self.greeting = self.receive(18)
        assert self.greeting[:16] == GREETING, self.greeting
        if flags is not None:
            self.send(struct.pack(">I", flags))
        self.structured = self.extended = False
        self.contexts, self.size, self.flags = {}, None, None

    def send(self, data):
        self.socket.sendall(data)

    def receive(self, count):
        data = b""
        while len(data) < count:
            try:
                some = self.socket.recv(min(count - len(data), 1 << 20))
            except ConnectionResetError:
                some = b""
            if not some:
                raise Closed(f"after {len(data)} of {count} bytes")
            data += some
        return data

    def closed(self):
        """Whether the server has nothing more to say and hangs up."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    # ---- options ----

    def say(self, option, data=b"", length=None):
        self.send(struct.pack(">8sII", b"IHAVEOPT", option, len(data) if length is None else length) + data)

    def answer(self, option):
        """One reply to an option: (type, data)."""
        magic, echoed, kind, length = struct.unpack(">QIII", self.receive(20))
        assert (magic, echoed) == (0x3E889045565A9, option), (hex(magic), echoed)
        return kind, self.receive(length)

    def option(self, option, data=b""):
        """All replies to an option, up to the acknowledgement or the error."""
        self.say(option, data)
        replies = [self.answer(option)]
        while replies[-1][0] != ACK and not replies[-1][0] & ERROR:
            replies.append(self.answer(option))
        if replies[-1][0] == ACK and option == STRUCTURED_REPLY:
            self.structured = True
        if replies[-1][0] == ACK and option == EXTENDED_HEADERS:
            self.extended = self.structured = True
        return replies

    def list(self):
        """{name: description}."""
        found = {}
        for kind, data in self.option(LIST)[:-1]:
            assert kind == SERVER, kind
            length = struct.unpack(">I", data[:4])[0]
            found[data[4:4 + length].decode()] = data[4 + length:].decode()
        return found

    def info(self, export, kinds=(), option=INFO):
        """({kind: data}, last reply's type and text)."""
        data = text(export) + struct.pack(f">H{len(kinds)}H", len(kinds), *kinds)
        replies = self.option(option, data)
        found = {}
        for kind, data in replies[:-1]:
            assert kind == INFO_REPLY, kind
            found[struct.unpack(">H", data[:2])[0]] = data[2:]
        if 0 in found:
            self.size, self.flags = struct.unpack(">QH", found[0])
        return found, replies[-1]

    def go(self, export, kinds=()):
        found, (kind, data) = self.info(export, kinds, GO)
        assert kind == ACK, data
        return found

    def contexts_of(self, option, export, queries):
        """{name: id} of LIST_META or SET_META, or the error's type."""
        data = text(export) + struct.pack(">I", len(queries)) + b"".join(map(text, queries))
        replies = self.option(option, data)
        if replies[-1][0] != ACK:
            return replies[-1][0]
        found = {}
        for kind, data in replies[:-1]:
            assert kind == META_CONTEXT, kind
            found[data[4:].decode()] = struct.unpack(">I", data[:4])[0]
        return found

    def list_meta(self, export, *queries):
        return self.contexts_of(LIST_META, export, queries)

    def set_meta(self, export, *queries):
        self.contexts = self.contexts_of(SET_META, export, queries)
        return self.contexts

    # ---- transmission ----

    def request(self, kind, offset=0, length=0, flags=0, cookie=1, payload=b"", magic=None):
        if self.extended:
            head = struct.pack(">IHHQQQ", magic or 0x21E41C71, flags, kind, cookie, offset, length)
        else:
            head = struct.pack(">IHHQQI", magic or 0x25609513, flags, kind, cookie, offset, length)
        self.send(head + payload)

    def reply(self, read_length=0):
        """The next answer. `read_length` is how much a simple one carries."""
        magic = struct.unpack(">I", self.receive(4))[0]
        if magic == 0x67446698:
            assert not self.extended, "a simple reply after extended headers"
            error, cookie = struct.unpack(">IQ", self.receive(12))
            reply = Reply(cookie)
            reply.error = error
            reply.data = self.receive(0 if error else read_length)
            return reply
        return self._chunks(magic)

    def _chunks(self, magic):
        reply = None
        while True:
            assert magic == (0x6E8A278C if self.extended else 0x668E33EF), hex(magic)
            flags, kind, cookie = struct.unpack(">HHQ", self.receive(12))
            offset = struct.unpack(">Q", self.receive(8))[0] if self.extended else None
            length = struct.unpack(">Q" if self.extended else ">I", self.receive(8 if self.extended else 4))[0]
            reply = reply or Reply(cookie)
            assert reply.cookie == cookie, "chunks of two replies are mixed"
            reply.repeated_offset = offset
            self._chunk(reply, kind, self.receive(length))
            if flags & 1:
                return reply
            magic = struct.unpack(">I", self.receive(4))[0]

    def _chunk(self, reply, kind, data):
        if kind == 1:
            at = struct.unpack(">Q", data[:8])[0]
            reply.pieces.append((at, data[8:]))
            reply.data += data[8:]
            reply.chunks += 1
        elif kind == 2:
            at, length = struct.unpack(">QI", data)
            reply.holes.append((at, length))
            reply.pieces.append((at, bytes(length)))
        elif kind in (5, 6):
            assert (kind == 6) == self.extended, kind
            context = struct.unpack(">I", data[:4])[0]
            assert context not in reply.status, "two chunks of a context"
            if kind == 6:
                assert struct.unpack(">I", data[4:8])[0] == (len(data) - 8) // 16
            reply.status[context] = list(
                struct.iter_unpack(">QQ" if kind == 6 else ">II", data[8 if kind == 6 else 4:]))
        elif kind == (1 << 15) + 1:
            reply.error, length = struct.unpack(">IH", data[:6])
            reply.text = data[6:6 + length].decode()
            assert reply.error and length == len(data) - 6, data
        else:
            assert kind == 0 and not data, (kind, data)

    def ask(self, kind, offset=0, length=0, flags=0, payload=b""):
        """A request and its answer."""
        self.request(kind, offset, length, flags, 77, payload)
        reply = self.reply(length if kind == READ else 0)
        assert reply.cookie == 77
        return reply

    def read(self, offset, length, flags=0):
        """Bytes, put together from all chunks, which must cover the range once."""
        reply = self.ask(READ, offset, length, flags)
        assert reply.error == 0, (reply.error, reply.text)
        if not self.structured:
            return reply.data
        at, data = offset, b""
        for start, piece in sorted(reply.pieces):
            assert start == at, f"chunk at {start}, not at {at}"
            at, data = at + len(piece), data + piece
        assert len(data) == length, len(data)
        return data

    def write(self, offset, data, flags=0):
        extended = PAYLOAD_LEN if self.extended else 0
        return self.ask(WRITE, offset, len(data), flags | extended, data)

    def status(self, offset, length, flags=0):
        """{context: [(length, state)]}; all must end at the same offset."""
        reply = self.ask(BLOCK_STATUS, offset, length, flags)
        assert reply.error == 0, (reply.error, reply.text)
        names = {ident: name for name, ident in self.contexts.items()}
        found = {names[ident]: extents for ident, extents in reply.status.items()}
        assert found.keys() == self.contexts.keys(), (found.keys(), self.contexts)
        ends = {sum(extent[0] for extent in extents) for extents in found.values()}
        assert len(ends) == 1, f"contexts end at {ends}"
        assert 0 < ends.pop() <= length
        for extents in found.values():
            assert all(a[1] != b[1] for a, b in zip(extents, extents[1:])), "neighbours not merged"
        return found


def text(word):
    data = word.encode()
    return struct.pack(">I", len(data)) + data


def enter(address, export, style=STRUCTURED_REPLY, contexts=(), flags=FIXED_NEWSTYLE | NO_ZEROES):
    """A connection in transmission: style 0 for simple replies."""
    connection = Connection(address, flags)
    if style:
        assert connection.option(style)[-1][0] == ACK
    if contexts:
        selected = connection.set_meta(export, *contexts)
        assert set(selected) == set(contexts), selected
    connection.go(export)
    return connection
