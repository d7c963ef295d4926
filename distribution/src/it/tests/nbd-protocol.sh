#!/usr/bin/env bash
# Rules of the protocol that no client's ordinary use shows: said and heard byte by byte.
. "${BASH_SOURCE%/*}/../lib.sh"

SIZE=$((16 * MIB))
agent --set sluice.nbd.tcp=127.0.0.1:0
random_file "$T/disk.img" 16
sluice device add disk "$T/disk.img" || die "device add"
sluice export nbd disk --name ro --read-only >"$T/addresses" || die "export nbd"
PORT=$(sed -n 's,^nbd://127.0.0.1:\([0-9]*\)/.*,\1,p' "$T/addresses")

# says CODE: Python with nbdwire; DISK is the origin's file.
says() {
  SOCK=$RUN/nbd.sock SIZE=$SIZE DISK=$T/disk.img URI=$(uri disk) timeout 60 "$PYTHON" -B -c "
import sys; sys.path.insert(0, '$IT_DIR')
from nbdwire import *
DISK = open(os.environ['DISK'], 'rb').read()
$1"
}

greeting() { proves greeting raw; says 'w = Wire(None)
s = socket.socket(socket.AF_UNIX); s.connect(SOCK); assert s.recv(18, socket.MSG_WAITALL)[16:] == b"\0\3"'; }
export_name() {
  proves export-name raw
  says 'for flags, zeroes in (1, 124), (3, 0):
    w = Wire(flags); w.option(1, b"disk")
    size, _ = struct.unpack(">QH", w.take(10)); assert size == SIZE
    assert w.take(zeroes) == bytes(zeroes)
    w.alive()'
}
go_without_block_size() {
  proves go-without-block-size raw
  says 'w = Wire().enter(); w.request(0, 3, 5); assert w.error() == 0; assert w.take(5) == DISK[3:8]'
}
block_sizes() {
  proves block-size-values,info-go raw
  says 'w = Wire()
def infos(option):
    w.option(option, struct.pack(">I", 4) + b"disk" + struct.pack(">HHHH", 3, 1, 2, 3)); found = {}
    while True:
        _, _, kind, length = struct.unpack(">QIII", w.take(20)); data = w.take(length)
        if kind == 1: return found
        assert kind == 3; found[struct.unpack(">H", data[:2])[0]] = data[2:]
info = infos(6)
least, preferred, most = struct.unpack(">III", info[3])
assert least & (least - 1) == 0 and 1 <= least <= 65536 and preferred >= 512 and preferred % least == 0 and most == 32 << 20
assert info[1] == b"disk" and struct.unpack(">Q", info[0][:8])[0] == SIZE
assert infos(7) == info, "INFO and GO differ"'
}
meta_of_another_export() {
  proves meta-other-export raw
  says 'w = Wire(); assert w.ask(8) == 1
name = b"base:allocation"
assert w.ask(10, struct.pack(">I", 2) + b"ro" + struct.pack(">II", 1, len(name)) + name) == 1
assert w.ask(7, struct.pack(">I", 4) + b"disk\0\0") == 1
w.request(7, 0, 4096); _, _, kind, _, length = struct.unpack(">IHHQI", w.take(20)); assert kind & 0x8000
assert struct.unpack(">I", w.take(length)[:4])[0] == EINVAL'
}
read_structured() {
  proves read-structured,read-df libnbd
  need_libnbd
  says 'h = libnbd(); import nbd
for flags in 0, nbd.CMD_FLAG_DF:
    chunks = []
    def chunk(data, offset, status, error):
        chunks.append((offset, len(data)))
        assert bytes(data) == DISK[offset:offset + len(data)]
    data = h.pread_structured(3 << 20, 4096, chunk, flags)
    assert data == DISK[4096:4096 + (3 << 20)]
    at = 4096
    for offset, length in sorted(chunks):
        assert offset == at, "a gap or an overlap"; at += length
    assert at == 4096 + (3 << 20)
    assert flags == 0 or len(chunks) == 1, chunks'
}
cache() {
  proves cache libnbd
  need_libnbd
  says 'h = libnbd(); h.cache(1 << 20, 0)
refused("EINVAL", h.cache, 4096, 0, 1 << 3); refused("EINVAL", h.cache, 4096, SIZE)
h.pread(512, 0)'
}
order() {
  proves ordering raw
  says 'w = Wire().enter(); import random
offsets = [512 * random.Random(3).randrange(SIZE // 512) for i in range(256)]
w.say(b"".join(struct.pack(">IHHQQI", 0x25609513, 0, 0, i, o, 512) for i, o in enumerate(offsets)))
seen = set()
for i in range(256):
    magic, error, cookie = struct.unpack(">IIQ", w.take(16)); assert error == 0
    assert w.take(512) == DISK[offsets[cookie]:offsets[cookie] + 512]; seen.add(cookie)
assert len(seen) == 256'
}
read_fails() {
  proves read-error raw libnbd
  need_libnbd
  sluice filter attach disk fault seed=3
  sluice filter ctl disk fault add error op=read errno=EIO range=8M+64K
  says 'w = Wire().enter(); w.request(0, 8 << 20, 512); assert w.error() == 5; w.alive()
h = libnbd(); assert "8388608" in refused("EIO", h.pread, 512, 8 << 20) or True
refused("EIO", h.pread, 1 << 20, (8 << 20) - (1 << 19)); h.pread(512, 0)
# A simple reply that had begun can only be broken off.
w = Wire().enter(); w.request(0, 4 << 20, 8 << 20)
try:
    assert w.error() == 0; w.take(8 << 20); raise AssertionError("bytes that could not be read")
except EOFError: pass'
  sluice filter detach disk fault
}
tcp_nodelay() {
  proves tcp-nodelay raw
  [ "$(id -u)" -eq 0 ] || skip "needs root, to look at the agent's sockets"
  "$PYTHON" - "$PORT" "$(agent_pid "$RUN")" <<'END'
import ctypes, os, socket, sys
client = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
client.recv(18, socket.MSG_WAITALL)
libc, pid = ctypes.CDLL(None, use_errno=True), int(sys.argv[2])
pidfd = libc.syscall(434, pid, 0)
if pidfd < 0:
    print("figure: the kernel has no pidfd")
    sys.exit(0)
found = []
for fd in os.listdir(f"/proc/{pid}/fd"):
    copy = libc.syscall(438, pidfd, int(fd), 0)
    if copy < 0:
        continue
    try:
        s = socket.socket(fileno=copy)
        # Java listens on IPv6 sockets, which take IPv4 too.
        if s.family in (socket.AF_INET, socket.AF_INET6) and s.getpeername()[1] == client.getsockname()[1]:
            found.append(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
    except OSError:
        pass
assert found == [1], found
END
}
extended() {
  proves extended-headers raw
  says 'w = Wire(); assert w.ask(11, b"x") == INVALID; assert w.ask(11) == 1; assert w.ask(8) == 0x8000000a
name = b"base:allocation"
assert w.ask(10, struct.pack(">I", 4) + b"disk" + struct.pack(">II", 1, len(name)) + name) == 1
assert w.ask(7, struct.pack(">I", 4) + b"disk\0\0") == 1
def ask(kind, offset, length, flags=0, data=b""):
    w.say(struct.pack(">IHHQQQ", 0x21e41c71, flags, kind, 5, offset, length) + data); chunks = []
    while True:
        magic, flags, kind, cookie, at, length = struct.unpack(">IHHQQQ", w.take(32))
        assert magic == 0x6e8a278c and cookie == 5 and at == offset
        chunks.append((kind, w.take(length)))
        if flags & 1: return chunks
assert b"".join(d[8:] for k, d in ask(0, 512, 4096)) == DISK[512:4608]
kind, data = ask(7, 0, SIZE)[0]
assert kind == 6
context, count = struct.unpack(">II", data[:8])
assert sum(struct.unpack(">QQ", data[8 + 16 * i:24 + 16 * i])[0] for i in range(count)) == SIZE
assert ask(1, 0, 512, 1 << 5, DISK[:512])[0][0] == 0
kind, data = ask(0, 0, 512, 1 << 5, bytes(512))[0]
assert kind == 0x8001 and struct.unpack(">I", data[:4])[0] == EINVAL
assert ask(0, 0, 1 << 40)[0][0] == 0x8001'
}
eight_errors() {
  proves errors libnbd
  need_libnbd
  says 'h = libnbd("ro"); text = refused("EPERM", h.pwrite, b"x" * 512, 0); h.pread(512, 0)'
}
shutdown() {
  proves shutdown libnbd
  need_libnbd
  sluice export nbd disk --name going
  SOCK=$RUN/nbd.sock SIZE=$SIZE "$PYTHON" -B - "$IT_DIR" <<'END' &
import sys
sys.path.insert(0, sys.argv[1])
from nbdwire import *
import nbd
h = libnbd("going")
print("entered", flush=True)
seen = None
while True:
    try:
        h.pread(512, 0)
    except nbd.Error as e:
        seen = e
        break
assert seen.errno == "ESHUTDOWN", seen.string
END
  local reader=$!
  until_true 20 eval 'sluice --json export list | grep -A 12 "\"going\"" | grep -q "\"client_count\": 1"'
  refused EBUSY sluice export remove going
  sluice export remove going --mode soft
  wait $reader
}
# A limit is waited for, never an error; all connections share it, and it can be changed while they read.
rate_limit() {
  need_libnbd
  sluice export set disk --iops 200
  says 'import time; links = [libnbd(), libnbd()]
start = time.monotonic()
for i in range(220): links[i % 2].pread(512, 512 * i)
took = time.monotonic() - start
print(f"figure: 220 reads over two connections at 200 a second took {took:.2f} s")
assert 0.9 < took < 10, took'
  sluice export set disk --iops 0 --bandwidth 8M
  local from
  from=$(date +%s%N)
  nbdcopy "$(uri disk)" "$T/limited.raw"
  cmp "$T/disk.img" "$T/limited.raw"
  figure "16 MiB at 8 MiB a second took $((($(date +%s%N) - from) / 1000000)) ms"
  [ $(($(date +%s%N) - from)) -gt 1600000000 ]
  sluice export list | grep 'bandwidth=8M'
  refused EINVAL sluice export set disk --bandwidth 1K
  sluice export set disk --bandwidth 0
}
resize() {
  proves resize raw nbdinfo
  says 'w = Wire().enter(); w.request(8, 0, 1 << 20); assert w.error() == EINVAL; w.alive()'
  truncate -s 24M "$T/disk.img"
  until_true 10 eval '[ "$(nbdinfo --size "$(uri disk)")" -eq $((24 * MIB)) ]'
}

for name in greeting export_name go_without_block_size block_sizes meta_of_another_export read_structured cache order \
  read_fails tcp_nodelay extended eight_errors shutdown rate_limit resize; do
  check "${name//_/-}" "$name"
done
