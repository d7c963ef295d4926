#!/usr/bin/env bash
# Wrong words, wrong files, wrong bytes: a clear error each, and nothing lost.
. "${BASH_SOURCE%/*}/../lib.sh"

random_file "$T/disk.img" 16
cp "$T/disk.img" "$T/before.img"
random_file "$T/free.img" 8
mkdir "$T/directory"
mkfifo "$T/fifo"
: >"$T/empty.img"
agent
sluice device add disk "$T/disk.img" || die "device add"

unchanged() {
  nbdcopy --no-extents "$(uri disk)" "$T/copy.raw"
  cmp "$T/before.img" "$T/copy.raw"
}
exits() {
  local wanted=$1 status=0
  shift
  timeout "$PAGE_TIME_LIMIT_SECONDS" "$@" >"$T/out" 2>"$T/err" || status=$?
  cat "$T/err"
  same "exit status of $*" "$wanted" "$status"
}
# One line, as the contract says: sluice: COMMAND: ERRNO-NAME: what.
one_line() {
  same "lines of $(cat "$T/refused.err")" 1 "$(wc -l <"$T/refused.err")"
  grep -Eq "^sluice: $1: E[A-Z]+: " "$T/refused.err" || { echo "not of the form sluice: $1: ERRNO: ..."; return 1; }
}

unknown_device() {
  refused ENODEV sluice device info nope
  one_line 'device info'
  refused ENODEV sluice filter attach nope blksnap
  refused ENODEV sluice snapshot take nope --store "dir:$T"
  refused ENODEV sluice cbt info nope
  refused ENODEV sluice export nbd nope
}
unknown_filter() { refused ENOENT sluice filter attach disk nope; one_line 'filter attach'; }
unknown_snapshot() { refused ESRCH sluice snapshot info nope; refused ESRCH sluice snapshot destroy b2f7b1a6-3f77-4b1c-9c1b-000000000000; }
missing_file() { refused ENOENT sluice device add gone "$T/not-there.img"; one_line 'device add'; grep -q not-there.img "$T/refused.err"; }
directory_as_image() { refused EISDIR sluice device add dir "$T/directory"; one_line 'device add'; }
fifo_as_image() { refused EINVAL sluice device add fifo "$T/fifo"; one_line 'device add'; }
char_device_as_image() { refused EINVAL sluice device add zero /dev/zero; }
# Nothing is a size too, as it is to the field's servers.
empty_image() {
  sluice device add empty "$T/empty.img"
  same size 0 "$(nbdinfo --size "$(uri empty)")"
  sluice snapshot take empty --store "dir:$T" --name nothing
  nbdcopy "$(uri empty@nothing)" "$T/nothing.raw"
  same 'copied bytes' 0 "$(stat -c %s "$T/nothing.raw")"
  sluice snapshot destroy nothing
  sluice filter detach empty blksnap
  sluice device remove empty
}
held_by_itself() { refused EBUSY sluice device add again "$T/disk.img"; one_line 'device add'; }
held_through_a_link() {
  ln -sf "$T/disk.img" "$T/link.img"
  ln -f "$T/disk.img" "$T/hard.img"
  refused EBUSY sluice device add again "$T/link.img"
  refused EBUSY sluice device add again "$T/hard.img"
}
held_by_another_agent() {
  "$SLUICE_HOME/bin/sluiced" --run-dir "$T/run2"
  trap 'agent_stop "$T/run2"' EXIT
  refused EBUSY sluice --run-dir "$T/run2" device add disk "$T/disk.img"
  sluice --run-dir "$T/run2" device add free "$T/free.img"
  refused EBUSY sluice device add free "$T/free.img"
}
name_taken() { refused EEXIST sluice device add disk "$T/free.img"; sluice device add free "$T/free.img"; sluice device remove free; }
bad_names() {
  local name
  for name in '' 'a/b' 'a@b' "$(printf 'x%.0s' $(seq 5000))"; do
    refused EINVAL sluice device add "$name" "$T/free.img"
  done
}
bad_stores() {
  refused EINVAL sluice snapshot take disk --store nonsense:x
  refused ENOENT sluice snapshot take disk --store "dir:$T/not-there"
  refused ENOTDIR sluice snapshot take disk --store "dir:$T/free.img"
  # A store on the device that it serves.
  refused E sluice snapshot take disk --store "file:$T/disk.img"
  same 'snapshots left' '[]' "$(sluice --json snapshot list | tr -d ' \n')"
}
device_in_use() {
  sluice snapshot take disk --store "dir:$T" --name held
  refused EBUSY sluice device remove disk
  refused EBUSY sluice filter detach disk blksnap
  # All snapshots of a device have one chunk.
  refused EINVAL sluice snapshot take disk --store "dir:$T" --name twice --chunk-size 1M
  sluice snapshot take disk --store "dir:$T" --name twice
  sluice snapshot destroy held
  refused EBUSY sluice filter detach disk blksnap
  sluice snapshot destroy twice
}
usage_exits_2() {
  exits 2 sluice nonsense
  exits 2 sluice device nonsense
  exits 2 sluice device add disk
  exits 2 sluice snapshot take disk --store
  exits 2 sluice device list --nonsense
}
no_agent_exits_3() { exits 3 sluice --run-dir "$T/nobody" version; grep -q nobody "$T/err"; }
second_agent() {
  local pid
  pid=$(agent_pid "$RUN")
  local status=0
  timeout 60 "$SLUICE_HOME/bin/sluiced" --run-dir "$RUN" 2>"$T/err" || status=$?
  cat "$T/err"
  same 'its exit status' 1 "$status"
  grep -q "$RUN" "$T/err"
  same 'the process that serves' "$pid" "$(agent_pid "$RUN")"
  sluice version
  unchanged
}

# Requests that libnbd would not send by itself.
illegal_requests() {
  need_libnbd
  sluice device add blocks "$T/free.img" --block-size 4096
  "$PYTHON" - "$(uri disk)" "$(uri blocks)" <<'END'
import errno, nbd, sys

def refused(want, call, *arguments):
    try:
        call(*arguments)
    except nbd.Error as error:
        assert error.errnum in want, f"{call.__name__}{arguments[-2:]}: {error}"
        print(call.__name__, error.string)
    else:
        raise AssertionError(f"{call.__name__}: was served")

def connected(uri):
    handle = nbd.NBD()
    handle.connect_uri(uri)
    handle.set_strict_mode(0)
    return handle

h = connected(sys.argv[1])
size = h.get_size()
inval = (errno.EINVAL,)
refused(inval, h.pread, 512, size)
refused(inval, h.pread, 1024, size - 512)
refused(inval, h.pread, 512, (1 << 63) - 512)
refused((errno.ENOSPC,), h.pwrite, b"x" * 512, size)
refused((errno.ENOSPC,), h.pwrite, b"x" * 1024, size - 512)
refused(inval, h.trim, 1024, size - 512)
refused(inval + (errno.ENOSPC,), h.zero, 1024, size - 512)
refused(inval, h.pread, 512, 0, 1 << 13)
refused(inval, h.pwrite, b"x" * 512, 0, 1 << 13)
refused(inval, h.block_status, 512, size, lambda *a: 0)
assert h.pread(512, size - 512) is not None
h.shutdown()
b = connected(sys.argv[2])
refused(inval, b.pread, 512, 0)
refused(inval, b.pread, 4096, 512)
refused(inval, b.pwrite, b"x" * 4096, 2048)
assert len(b.pread(4096, 4096)) == 4096
b.shutdown()
END
  sluice device remove blocks
  unchanged
}
# A request longer than the server takes: an error, or the connection's end; nothing worse.
oversized() {
  need_libnbd
  "$PYTHON" - "$RUN/nbd.sock" <<'END'
import socket, struct, sys

def connected():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20)
    s.connect(sys.argv[1])
    assert take(s, 18)[:16] == b"NBDMAGICIHAVEOPT"
    s.sendall(struct.pack(">I", 3))
    s.sendall(b"IHAVEOPT" + struct.pack(">II", 1, 4) + b"disk")
    take(s, 10)
    return s

def take(s, count):
    data = b""
    while len(data) < count:
        got = s.recv(count - len(data))
        if not got:
            raise EOFError
        data += got
    return data

def request(s, command, offset, length):
    s.sendall(struct.pack(">IHHQQI", 0x25609513, 0, command, 7, offset, length))

READ, WRITE, TRIM, ZEROES = 0, 1, 4, 6
for command in (READ, TRIM, ZEROES):
    for length in (0xFFFFFFFF, 0x80000000, 48 << 20):
        s = connected()
        request(s, command, 0, length)
        magic, error, cookie = struct.unpack(">IIQ", take(s, 16))
        assert (magic, cookie) == (0x67446698, 7) and error != 0, (command, length, error)
        request(s, READ, 0, 512)
        assert struct.unpack(">IIQ", take(s, 16))[1] == 0
        take(s, 512)
        s.close()
for length in (0xFFFFFFFF, 64 << 20):
    s = connected()
    request(s, WRITE, 0, length)
    try:
        # All of the 64 MiB, or as much of the 4 GiB as the server bears with.
        for _ in range(min(length, 128 << 20) >> 20):
            s.sendall(b"z" * (1 << 20))
        error = struct.unpack(">IIQ", take(s, 16))[1]
        assert error != 0, "a write of %d bytes was taken" % length
    except (EOFError, ConnectionError, BrokenPipeError):
        pass
    s.close()
END
  unchanged
}
# Bytes of no protocol at all, on both sockets, and clients that stop half way.
garbage() {
  "$PYTHON" - "$1" "${SEED:-1}" <<'END'
import random, socket, sys

path, seed = sys.argv[1], int(sys.argv[2])
print("SEED=%d replays this" % seed)
rng = random.Random(seed)
openings = [b"", b"\0\0\0\3", b"\0\0\0\1", b"\xff" * 4, b"\0\0\0\3IHAVEOPT\0\0\0\7\xff\xff\xff\xff",
            b"\0\0\0\3IHAVEOPT\0\0\0\7\0\0\0\6\xff\xff\xff\xff\0\0", b"\0\0\0\3IHAVEOPT\0\0\0\3\0\0\0\4abcd",
            b"\0\0\0\3IHAVEOPT\0\0\0\1\0\0\0\4disk", b"GET / HTTP/1.1\r\n\r\n", b"{" * 70000,
            b"\xff\xff\xff\xff\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\n" * 5000]
for number in range(150):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(0.05)
    s.connect(path)
    try:
        s.sendall(rng.choice(openings) + rng.randbytes(rng.choice((0, 1, 17, 300, 70000))))
        if number % 3 == 0:
            s.recv(4096)
    except OSError:
        pass
    s.close()
END
  sluice version
  nbdinfo --size "$(uri disk)"
  unchanged
  figure "resident memory afterwards: $(resident_mib) MiB, peak $(peak_mib) MiB"
  [ "$(resident_mib)" -lt 300 ]
}
# Clients that connect and say nothing keep nobody else out.
silent_clients() {
  "$PYTHON" - "$RUN/nbd.sock" "$RUN/control.sock" "$T/done" <<'END' &
import os, socket, sys, time
held = []
for path in sys.argv[1:3]:
    for _ in range(40):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(5)
        s.connect(path)
        held.append(s)
open(sys.argv[3] + ".up", "w").close()
deadline = time.monotonic() + 60
while not os.path.exists(sys.argv[3]) and time.monotonic() < deadline:
    time.sleep(0.05)
END
  local silent=$!
  until_true 30 test -e "$T/done.up"
  timeout 20 nbdinfo --size "$(uri disk)"
  timeout 20 sluice version
  unchanged
  touch "$T/done"
  wait "$silent"
}
still_serves() {
  unchanged
  cmp "$T/before.img" "$T/disk.img"
  if grep -n 'Exception in thread\|OutOfMemory' "$RUN/sluiced.log"; then return 1; fi
}

check unknown-device unknown_device
check unknown-filter unknown_filter
check unknown-snapshot unknown_snapshot
check missing-file missing_file
check directory-as-image directory_as_image
check fifo-as-image fifo_as_image
check char-device-as-image char_device_as_image
check empty-image empty_image
check held-by-itself held_by_itself
check held-through-a-link held_through_a_link
check held-by-another-agent held_by_another_agent
check name-taken name_taken
check bad-names bad_names
check bad-stores bad_stores
check device-in-use device_in_use
check usage-exits-2 usage_exits_2
check no-agent-exits-3 no_agent_exits_3
check second-agent second_agent
check illegal-requests illegal_requests
check oversized oversized
check garbage-on-nbd garbage "$RUN/nbd.sock"
check garbage-on-control garbage "$RUN/control.sock"
check silent-clients silent_clients
check still-serves still_serves
