#!/usr/bin/env bash
# sluice backup: chains, restarts, broken connections, damaged files; each point against a copy of the disk.
. "${BASH_SOURCE%/*}/../lib.sh"

LINKS=20
MB=$((1 << 20))

# The agent finds qemu's tools through a directory of our own, where a tool can be made to fail.
mkdir "$T/tools"
export PATH=$T/tools:$PATH
agent
random_file "$T/disk.img" 40
truncate -s $((64 * MB)) "$T/disk.img"
truncate -s $((16 * MB)) "$T/log.img"
sluice device add disk "$T/disk.img" || die "device add"
sluice device add log "$T/log.img" || die "device add"

# change SEED: writes, zeroes and discards, some unaligned to tracking blocks and clusters.
change() {
  awk -v seed="$1" 'BEGIN {
    srand(seed)
    for (i = 0; i < 12; i++) {
      length_ = 512 * int(1 + rand() * 400); offset = 512 * int(rand() * (131072 - length_ / 512))
      kind = i % 6
      print (kind == 0 ? "write -z -u " : kind == 1 ? "discard " : "write -P " int(1 + rand() * 255) " ") offset, length_
    }
    print "flush" }' >"$T/commands"
  qemu-io -f raw "$(uri disk)" <"$T/commands" >"$T/io" 2>&1
  if grep -i 'failed\|error' "$T/io"; then return 1; fi
}

kinds() { sluice --json backup list "$1" | python_json '" ".join(f["kind"] for p in d["points"] for f in p["files"])'; }
python_json() { "$PYTHON" -c "import json, sys; d = json.load(sys.stdin); print($1)"; }

# restored DIRECTORY POINT COPY: the point, brought back, is equal to the copy.
restored() {
  rm -f "$T/back.raw"
  sluice backup restore "$1" "$T/back.raw" --point "$2" --device disk --no-compare
  cmp "$T/back.raw" "$3"
}

# Twenty links, an agent that is started anew in their middle, and each link as it was.
chain() {
  local link copied=0
  for link in $(seq 1 "$LINKS"); do
    change "$link"
    if [ "$link" -eq $((LINKS / 2)) ]; then
      sluice shutdown
      agent_stop "$RUN"
      "$SLUICE_HOME/bin/sluiced" --run-dir "$RUN"
      same devices "disk log" "$(sluice --json device list | python_json '" ".join(x["name"] for x in d)')"
    fi
    # The first is a full one since there is no base, and all others are increments.
    sluice backup incremental disk "$T/chain" --no-compare >"$T/out"
    [ "$link" -gt 1 ] || grep -q 'a full backup was made: there is no backup of it in here yet' "$T/out"
    cp --sparse=always "$T/disk.img" "$T/copy.$link"
  done
  same kinds "full$(printf ' incremental%.0s' $(seq 2 "$LINKS"))" "$(kinds "$T/chain")"
  copied=$(sluice --json backup list "$T/chain" | python_json 'sum(f["copied_bytes"] for p in d["points"][1:] for f in p["files"])')
  for link in $(seq 1 "$LINKS"); do
    restored "$T/chain" "$link" "$T/copy.$link"
  done
  sluice backup verify "$T/chain" >"$T/out"
  same good "$LINKS" "$(grep -c ' good$' "$T/out")"
  figure "$LINKS links restored equal, across a restart; the increments copied $((copied / (LINKS - 1))) of $((64 * MB)) bytes on average"
}

# A crash voids the base: the next one is whole, and says why.
after_crash() {
  change 100
  kill -9 "$(agent_pid "$RUN")"
  "$SLUICE_HOME/bin/sluiced" --run-dir "$RUN"
  sluice backup incremental disk "$T/chain" >"$T/out"
  grep 'disk: a full backup was made: ' "$T/out"
  grep -q 'tracking is at .* so that base is void' "$T/out"
  restored "$T/chain" $((LINKS + 1)) "$T/disk.img"
  sluice backup incremental disk "$T/chain" >"$T/out"
  if grep -q 'a full backup' "$T/out"; then return 1; fi
  restored "$T/chain" $((LINKS + 2)) "$T/disk.img"
}

# Two devices at one instant, while a client writes a counter to the one and then to the other.
one_cut() {
  cat >"$T/pairs.py" <<'PY'
import nbd, struct, sys
disk, log = nbd.NBD(), nbd.NBD()
disk.connect_uri(sys.argv[1]); log.connect_uri(sys.argv[2])
n = 0
while True:
    n += 1
    disk.pwrite(struct.pack(">Q", n) * 64, 0)
    log.pwrite(struct.pack(">Q", n) * 64, 0)
    print(n, flush=True)
PY
  "$PYTHON" "$T/pairs.py" "$(uri disk)" "$(uri log)" >"$T/pairs" 2>&1 &
  local writer=$! point
  written() { [ "$(wc -l <"$T/pairs")" -gt "$1" ]; }
  for point in 1 2 3; do
    until_true 20 written $((point * 50))
    sluice backup incremental disk log "$T/pair-chain" --store tmpfs:80M >"$T/out"
  done
  kill "$writer"
  wait "$writer" || true
  for point in 1 2 3; do
    rm -f "$T/a" "$T/b"
    sluice backup restore "$T/pair-chain" "$T/a" --device disk --point "$point"
    sluice backup restore "$T/pair-chain" "$T/b" --device log --point "$point"
    "$PYTHON" -c '
import struct, sys
first, second = (struct.unpack(">Q", open(f, "rb").read(8))[0] for f in sys.argv[1:])
print("figure: the first device is at write %d, the second at %d" % (first, second))
assert second <= first <= second + 1 and second > 0' "$T/a" "$T/b"
  done
}

# broken_tool COUNT: the COUNTth copy runs while the exporter is stopped.
broken_tool() {
  cat >"$T/tools/qemu-img" <<SH
#!/bin/sh
if [ "\$1" = convert ]; then
  echo >>"$T/converts"
  if [ "\$(wc -l <"$T/converts")" -eq $1 ]; then
    "$SLUICE_HOME/bin/sluice" --run-dir "$RUN" bundle stop io.sluice.export.nbd || exit 99
    /usr/bin/qemu-img "\$@"
    status=\$?
    "$SLUICE_HOME/bin/sluice" --run-dir "$RUN" bundle start io.sluice.export.nbd || exit 99
    exit \$status
  fi
fi
exec /usr/bin/qemu-img "\$@"
SH
  chmod +x "$T/tools/qemu-img"
}

# A connection that breaks in the middle: the copy goes on where it was.
resumed() {
  truncate -s $((600 * MB)) "$T/large.img"
  sluice device add large "$T/large.img"
  qemu-io -f raw -c 'write -P 1 0 1M' -c 'write -P 2 300M 1M' -c 'write -P 3 590M 1M' "$(uri large)"
  broken_tool 2
  sluice --json backup full large "$T/large" >"$T/out.json"
  rm "$T/tools/qemu-img"
  same pieces 4 "$(wc -l <"$T/converts")"
  same retries 1 "$(python_json 'd["files"][0]["retry_count"]' <"$T/out.json")"
  sluice backup restore "$T/large" "$T/large.raw"
  cmp "$T/large.raw" "$T/large.img"
  sluice filter detach large blksnap
  sluice device remove large
}

# Given up: no snapshot, no half file, and the chain goes on.
given_up() {
  change 200
  mkfifo "$T/begun"
  printf '#!/bin/sh\necho >"%s"\nexec sleep 1000\n' "$T/begun" >"$T/tools/qemu-io"
  chmod +x "$T/tools/qemu-io"
  sluice backup incremental disk "$T/chain" >"$T/out" 2>&1 &
  local caller=$! before
  read -r <"$T/begun"
  before=$(ls "$T/chain" | grep -c part)
  same 'half files' 1 "$before"
  kill -INT "$caller" || true
  kill "$caller" || true
  wait "$caller" || true
  rm "$T/tools/qemu-io"
  no_snapshot() { [ "$(sluice --json snapshot list | python_json 'len(d)')" -eq 0 ]; }
  until_true 20 no_snapshot
  until_true 20 sluice backup list "$T/chain"
  same 'half files' 0 "$(ls "$T/chain" | grep -c part || true)"
  sluice backup incremental disk "$T/chain" >"$T/out"
  if grep -q 'a full backup' "$T/out"; then return 1; fi
  restored "$T/chain" $((LINKS + 3)) "$T/disk.img"
}

# A snapshot that overflows ends the backup with that reason, and nothing else.
overflow() {
  local before
  before=$(kinds "$T/chain")
  cat >"$T/tools/qemu-img" <<SH
#!/bin/sh
if [ "\$1" = convert ]; then
  /usr/bin/qemu-io -f raw -c 'write -P 5 0 32M' '$(uri disk)' || exit 98
fi
exec /usr/bin/qemu-img "\$@"
SH
  chmod +x "$T/tools/qemu-img"
  refused ENOSPC sluice backup full disk "$T/chain" --store tmpfs:2M --limit 2M
  rm "$T/tools/qemu-img"
  same chain "$before" "$(kinds "$T/chain")"
  same snapshots '[]' "$(sluice --json snapshot list)"
}

onto_device() {
  change 300
  cp "$T/disk.img" "$T/now.img"
  sluice backup incremental disk "$T/chain" >"$T/out"
  change 301
  sluice backup restore "$T/chain" --onto disk
  cmp "$T/disk.img" "$T/now.img"
  # A restore is written through the filters, so the next increment knows of it.
  sluice backup incremental disk "$T/chain" >"$T/out"
  restored "$T/chain" $((LINKS + 5)) "$T/disk.img"
  refused EINVAL sluice backup restore "$T/chain" --onto log
}

raw_format() {
  sluice backup full disk "$T/raw" --format raw >"$T/out"
  cmp "$T/raw/disk.000001.raw" "$T/disk.img"
  change 400
  sluice backup incremental disk "$T/raw" >"$T/out"
  restored "$T/raw" 2 "$T/disk.img"
  # What the chain is made of needs no Sluice.
  qemu-img convert -f qcow2 -O raw "$T/raw/disk.000002.qcow2" "$T/plain.raw"
  cmp "$T/plain.raw" "$T/disk.img"
  sluice backup verify "$T/raw" >"$T/out"
}

damaged() {
  cp -r "$T/raw" "$T/bad"
  printf x | dd of="$T/bad/disk.000001.raw" bs=1 seek=12345 conv=notrunc status=none
  refused '2 of 2 files are damaged: disk.000001.raw: its checksum is' sluice backup verify "$T/bad"
  rm "$T/bad/disk.000001.raw"
  refused 'disk.000001.raw: it is gone' sluice backup verify "$T/bad"
  sluice backup incremental disk "$T/bad" >"$T/out"
  grep -q "a full backup was made: its last backup can't be read: disk.000001.raw is gone" "$T/out"
  restored "$T/bad" 3 "$T/disk.img"
}

bad_input() {
  refused ENOENT sluice backup list "$T/nowhere"
  refused ENOTDIR sluice backup list "$T/disk.img"
  refused ENODEV sluice backup full nosuch "$T/new"
  [ ! -e "$T/new/backup.000001.json" ]
  refused EEXIST sluice backup restore "$T/raw" "$T/disk.img"
  refused ENOENT sluice backup restore "$T/raw" "$T/x" --point 99
  refused ENOENT sluice backup restore "$T/raw" "$T/x" --device nosuch
  [ ! -e "$T/x" ]
  refused 'FILE' sluice backup restore "$T/raw"
  printf '{' >"$T/bad/backup.000002.json"
  refused EINVAL sluice backup list "$T/bad"
  same mode '600 700' "$(stat -c %a "$T/raw/disk.000001.raw") $(stat -c %a "$T/raw")"
}

check chain chain
check after-crash after_crash
check one-cut one_cut
check resumed resumed
check given-up given_up
check overflow overflow
check onto-device onto_device
check raw-format raw_format
check damaged damaged
check bad-input bad_input
