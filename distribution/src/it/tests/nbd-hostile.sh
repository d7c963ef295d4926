#!/usr/bin/env bash
# Clients that are slow, silent, half there or too many cost a bounded amount, and others go on meanwhile.
. "${BASH_SOURCE%/*}/../lib.sh"

agent
random_file "$T/disk.img" 16
sluice device add disk "$T/disk.img" || die "device add"
have_libnbd || { check libnbd skip "no libnbd for $PYTHON (package python3-libnbd)"; exit 0; }

cat >"$T/hostile.py" <<'END'
"""hostile.py KIND COUNT SECONDS: has so many of this kind of client for so long, while a good one measures how long
its reads take; prints threads, descriptors and memory of the agent before, meanwhile and afterwards."""
import os, socket, struct, sys, threading, time
import nbd
kind, count, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
SOCK, PID = os.environ["SOCK"], os.environ["AGENT_PID"]

def cost():
    status = dict(l.split(":", 1) for l in open(f"/proc/{PID}/status"))
    return int(status["Threads"]), len(os.listdir(f"/proc/{PID}/fd")), int(status["VmRSS"].split()[0]) // 1024

def connect():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(5)
    s.connect(SOCK)
    return s

GO = struct.pack(">I", 3) + b"IHAVEOPT" + struct.pack(">III", 7, 10, 4) + b"disk\0\0"
def entered():
    s = connect()
    s.sendall(GO)
    got = b""
    while len(got) < 18 + 20 + 12 + 20:
        more = s.recv(4096)
        if not more:
            raise OSError("turned away")
        got += more
    return s

def slow(s):
    """A byte now and then."""
    for b in GO * 100:
        s.sendall(bytes([b]))
        if stop.wait(0.05):
            return

def read(offset, length):
    return struct.pack(">IHHQQI", 0x25609513, 0, 0, 1, offset, length)

stop = threading.Event()
def hostile():
    held = []
    while not stop.is_set():
        try:
            if kind == "silent":
                held.append(connect())
            elif kind == "slow":
                s = connect(); held.append(s); slow(s)
            elif kind == "half-open":
                s = entered(); s.sendall(struct.pack(">IHHQQI", 0x25609513, 0, 1, 1, 0, 1 << 20)); held.append(s)
            elif kind == "never-reads":
                s = entered(); s.settimeout(0.2); held.append(s)
                for i in range(1000): s.sendall(read(0, 8 << 20))
            elif kind == "reconnects":
                entered().close()
            elif kind == "options":
                s = connect(); s.sendall(struct.pack(">I", 3)); s.settimeout(0.5)
                for i in range(2000): s.sendall(b"IHAVEOPT" + struct.pack(">II", 3, 0))
                s.close()
            else:
                raise SystemExit(f"no kind {kind}")
            if len(held) >= 1 and kind != "reconnects" and kind != "options":
                stop.wait()
        except OSError:
            stop.wait(0.05)
    for s in held:
        s.close()

good = nbd.NBD()
good.connect_uri(os.environ["URI"])
def latencies(duration):
    times, end = [], time.monotonic() + duration
    while time.monotonic() < end:
        start = time.perf_counter()
        good.pread(4096, 4096 * (len(times) % 1000))
        times.append(time.perf_counter() - start)
    times.sort()
    return times[len(times) // 2] * 1e6, times[int(len(times) * 0.99)] * 1e6, times[-1] * 1e3, len(times)

quiet = latencies(1)
before = cost()
threads = [threading.Thread(target=hostile, daemon=True) for _ in range(count)]
for t in threads: t.start()
busy = latencies(seconds)
meanwhile = cost()
stop.set()
for t in threads: t.join(10)
deadline = time.monotonic() + 20
while cost()[1] > before[1] + 2 and time.monotonic() < deadline:
    time.sleep(0.1)
after = cost()
for name, c in ("before", before), ("meanwhile", meanwhile), ("after", after):
    print(f"figure: {name}: {c[0]} threads, {c[1]} descriptors, {c[2]} MiB")
for name, l in ("alone", quiet), ("meanwhile", busy):
    print(f"figure: another client's 4k read, {name}: median {l[0]:.0f} us, 99 % {l[1]:.0f} us, worst {l[2]:.1f} ms, {l[3]} reads")
assert meanwhile[0] - before[0] <= 64 + 16, "threads"
# A connection has its socket, and one or two selectors of two descriptors each.
assert meanwhile[1] - before[1] <= 5 * 64 + 32, "descriptors"
assert meanwhile[2] - before[2] <= 128, "memory"
assert after[1] <= before[1] + 2, "descriptors are left"
assert busy[3] >= 20 and busy[2] < 5000, "the other client was held up"
END

# hostile KIND COUNT SECONDS
hostile() {
  SOCK=$RUN/nbd.sock URI=$(uri disk) AGENT_PID=$(agent_pid "$RUN") timeout 100 "$PYTHON" "$T/hostile.py" "$@"
}
silent() { proves handshake-limits raw libnbd; hostile silent 100 3; }
slow() { hostile slow 30 3; }
half_open() { hostile half-open 50 3; }
never_reads() { hostile never-reads 50 3; }
reconnects() { hostile reconnects 4 3; }
options() { hostile options 4 3; }

# Whoever does not agree within 10 s is cut, and only he.
handshake_time() {
  proves handshake-limits raw libnbd
  "$PYTHON" - "$RUN/nbd.sock" "$(uri disk)" <<'END'
import nbd, socket, sys, time
good = nbd.NBD()
good.connect_uri(sys.argv[2])
s = socket.socket(socket.AF_UNIX)
s.settimeout(25)
s.connect(sys.argv[1])
start = time.monotonic()
while s.recv(100):
    pass
took = time.monotonic() - start
print(f"figure: a silent client is cut after {took:.1f} s")
assert 9 < took < 20
good.pread(512, 0)
END
}
# A user has 64 connections; what he opens beyond is closed at once, and told in one line a second.
connection_cap() {
  proves handshake-limits raw
  "$PYTHON" - "$RUN/nbd.sock" <<'END'
import socket, sys
held, refused = [], 0
for i in range(300):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10)
    s.connect(sys.argv[1])
    try:
        greeted = len(s.recv(18)) == 18
    except ConnectionResetError:
        greeted = False
    refused += not greeted
    if greeted:
        held.append(s)
print(f"figure: {len(held)} connections held, {refused} turned away")
assert len(held) <= 64 and refused >= 230
END
  local lines
  lines=$(grep -c 'connections, which is the limit' "$RUN/sluiced.log")
  figure "lines in the log: $lines"
  [ "$lines" -ge 1 ] && [ "$lines" -le 15 ]
}
# A client that keeps its socket open does not keep the agent from stopping (CVE-2024-7409).
stop_with_held_sockets() {
  proves handshake-limits,shutdown raw
  "$PYTHON" - "$RUN/nbd.sock" "$T/held" <<'END' &
import socket, struct, sys, time
held = []
for i in range(20):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    if i % 2:
        s.sendall(struct.pack(">I", 3) + b"IHAVEOPT" + struct.pack(">III", 7, 10, 4) + b"disk\0\0")
    held.append(s)
open(sys.argv[2], "w").close()
time.sleep(60)
END
  local holder=$! from
  until_true 20 test -e "$T/held"
  from=$(date +%s%N)
  agent_stop "$RUN"
  figure "the agent stopped in $((($(date +%s%N) - from) / 1000000)) ms with 20 sockets held"
  [ $(($(date +%s%N) - from)) -lt 20000000000 ]
  kill "$holder"
}

for name in silent slow half_open never_reads reconnects options handshake_time connection_cap stop_with_held_sockets; do
  check "${name//_/-}" "$name"
done
