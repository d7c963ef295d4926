"""An NBD client that says whatever it is told to, for tests: a plain socket, and libnbd without its own checks."""

import os, socket, struct, sys
SOCK, SIZE = os.environ["SOCK"], int(os.environ["SIZE"])
INVALID, UNKNOWN, UNSUP, TOO_BIG = 0x80000003, 0x80000006, 0x80000001, 0x80000009
EPERM, EINVAL, ENOSPC, ENOTSUP = 1, 22, 28, 95

class Wire:
    def __init__(self, flags=3):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(20)
        self.s.connect(SOCK)
        assert self.take(18)[:16] == b"NBDMAGICIHAVEOPT"
        if flags is not None:
            self.s.sendall(struct.pack(">I", flags))
    def take(self, count):
        data = b""
        while len(data) < count:
            more = self.s.recv(count - len(data))
            if not more:
                raise EOFError(f"the server hung up after {len(data)} of {count} bytes")
            data += more
        return data
    def say(self, data):
        self.s.sendall(data)
    def option(self, option, data=b"", magic=b"IHAVEOPT", length=None):
        self.say(magic + struct.pack(">II", option, len(data) if length is None else length) + data)
    def reply(self):
        """The type and text of the last reply to an option."""
        while True:
            magic, _, kind, length = struct.unpack(">QIII", self.take(20))
            assert magic == 0x3e889045565a9, hex(magic)
            data = self.take(length)
            if kind in (1,) or kind & 0x80000000:
                return kind, data
    def ask(self, *args, **kw):
        self.option(*args, **kw)
        return self.reply()[0]
    def enter(self, name=b"disk", structured=False):
        if structured:
            assert self.ask(8) == 1
        assert self.ask(7, struct.pack(">I", len(name)) + name + b"\0\0") == 1
        return self
    def request(self, kind, offset=0, length=0, flags=0, cookie=7, data=b"", magic=0x25609513):
        self.say(struct.pack(">IHHQQI", magic, flags, kind, cookie, offset, length) + data)
    def error(self, cookie=7):
        magic, error, got = struct.unpack(">IIQ", self.take(16))
        assert magic == 0x67446698 and got == cookie, (hex(magic), got)
        return error
    def alive(self):
        self.request(0, 0, 512, cookie=99)
        assert self.error(99) == 0
        self.take(512)
    def ended(self):
        try:
            assert self.s.recv(1) == b"", "the connection goes on"
        except ConnectionResetError:
            pass

def libnbd(name="disk", meta=False, structured=True):
    import nbd
    h = nbd.NBD()
    h.set_strict_mode(0)
    h.set_export_name(name)
    if meta:
        h.add_meta_context("base:allocation")
    h.set_request_structured_replies(structured)
    h.connect_unix(SOCK)
    return h

def refused(errno_name, call, *args, **kw):
    import nbd
    try:
        call(*args, **kw)
    except nbd.Error as e:
        assert e.errno == errno_name, f"{e.errno} instead of {errno_name}: {e.string}"
        return e.string
    raise AssertionError(f"not refused with {errno_name}")
