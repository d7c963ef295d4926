#!/usr/bin/env bash
# Two devices at one cut: a client that writes to one, waits, and writes to the other, must never find
# the later write in the images without the earlier one.
. "${BASH_SOURCE%/*}/../lib.sh"

agent
random_file "$T/a.img" 16
random_file "$T/b.img" 16
sluice device add a "$T/a.img" || die "device add"
sluice device add b "$T/b.img" || die "device add"

one_cut() {
  need_libnbd
  # To the record, the two are one device: a, then b.
  cat "$T/a.img" "$T/b.img" >"$T/before.img"
  record plan "$1" 400000 4 0+4096 4096+4096 >"$T/plan"
  rm -f "$T/stop" "$T/count"
  "$PYTHON" - "$(uri a)" "$(uri b)" "$T/plan" "$T/count" "$T/stop" <<'END' &
import mmap, nbd, os, struct, sys
devices = []
for uri in sys.argv[1:3]:
    handle = nbd.NBD()
    handle.connect_uri(uri)
    devices.append(handle)
half = devices[0].get_size()
with open(sys.argv[4] + ".new", "wb+") as count:
    count.write(bytes(8))
    count.flush()
    done = mmap.mmap(count.fileno(), 8)
    os.rename(sys.argv[4] + ".new", sys.argv[4])
    for number, line in enumerate(open(sys.argv[3]), 1):
        words = line.split()
        offset, length = int(words[-2]), int(words[-1])
        device = devices[offset >= half]
        if words[1] == "-z":
            device.zero(length, offset % half)
        else:
            device.pwrite(bytes([int(words[2])]) * length, offset % half)
        done[:] = struct.pack("=q", number)
        if number % 64 == 0 and os.path.exists(sys.argv[5]):
            break
END
  local client=$! round at_least at_most cut
  writes_done() { od -A n -t d8 "$T/count" | tr -d ' '; }
  at_least_written() { [ -e "$T/count" ] && [ "$(writes_done)" -ge "$1" ]; }
  until_true 30 at_least_written 500
  for round in 1 2 3 4; do
    at_least=$(writes_done)
    sluice snapshot take a b --store "dir:$T" --name "cut$round"
    at_most=$(($(writes_done) + 1))
    nbdcopy "$(uri "a@cut$round")" "$T/image.a"
    nbdcopy --no-extents "$(uri "b@cut$round")" "$T/image.b"
    cat "$T/image.a" "$T/image.b" >"$T/image"
    cut=$(record cut "$T/before.img" "$T/plan" "$at_least" "$at_most" "$T/image")
    figure "round $round: the cut is after write ${cut% *}, between $at_least and $at_most"
    sluice --json snapshot info "cut$round" >"$T/info.json"
    figure "round $round: held for $(json "$T/info.json" 'd["hold_nanos"] // 1000') us"
    sluice snapshot destroy "cut$round"
  done
  kill -0 "$client"
  touch "$T/stop"
  wait "$client"
}

check one-cut one_cut 1
