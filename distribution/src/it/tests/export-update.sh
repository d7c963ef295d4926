#!/usr/bin/env bash
# The bundle that serves NBD is replaced while clients are at work: none of them notices.
. "${BASH_SOURCE%/*}/../lib.sh"

UPDATES=20
BUNDLE=io.sluice.export.nbd
random_file "$T/disk.img" 64
cp "$T/disk.img" "$T/copied.img"
agent
sluice device add disk "$T/disk.img"
sluice device add copied "$T/copied.img"

# update: to the same content again, which is to the agent a new one; says for how long it held.
update() { sluice --json bundle update "$BUNDLE" >>"$T/updates.json"; }
started_count() { grep -c "$BUNDLE" "$T/updates.json"; }

# Verifies what it wrote, while it goes on, with several connections and a deep queue.
fio_verifies() {
  : >"$T/updates.json"
  fio --name=verify --ioengine=nbd --uri="$(uri disk)" --rw=randrw --bs=4k --iodepth=32 \
    --size=16M --numjobs=2 --offset_increment=16M --time_based --runtime=60 \
    --verify=crc32c --verify_fatal=1 --verify_backlog=512 --verify_state_save=0 --output-format=json \
    --trigger-file="$T/enough" --output="$T/fio.json" &
  local fio=$! i
  written() { sluice --json stats disk >"$T/stats.json" && [ "$(json "$T/stats.json" 'd[0]["write_count"]')" -gt "$1" ]; }
  until_true 30 written 1000
  for ((i = 1; i <= UPDATES; i++)); do
    update
    until_true 30 written $((1000 + 500 * i))
  done
  touch "$T/enough"
  wait "$fio" || { cat "$T/fio.json"; return 1; }
  same 'updates' "$UPDATES" "$(started_count)"
  same "fio's errors" 0 "$(json "$T/fio.json" 'sum(job["error"] for job in d["jobs"])')"
  figure "$UPDATES updates; longest hold $(held_ms) ms; a request took at most $(json "$T/fio.json" \
    'max(job[way]["clat_ns"]["max"] for job in d["jobs"] for way in ("read", "write")) // 1000000') ms"
  figure "requests: $(json "$T/fio.json" 'sum(job[way]["total_ios"] for job in d["jobs"] for way in ("read", "write"))')"
}
held_ms() { sed -n 's/.*"hold_nanos": *\([0-9]*\).*/\1/p' "$T/updates.json" | sort -n | tail -n 1 | sed 's/......$//'; }

# One qemu-io with one connection from before the first update to after the last one.
qemu_io_goes_on() {
  : >"$T/updates.json"
  : >"$T/qemu-io.txt"
  mkfifo "$T/orders"
  # By lines, for what it has written is watched.
  stdbuf -oL qemu-io -f raw "$(uri copied)" <"$T/orders" >"$T/qemu-io.txt" 2>&1 &
  local qemu=$! i
  exec 8>"$T/orders"
  # One order at a time: it looks for the next one when the pipe has something new.
  ordered() { echo "$1" >&8; until_true 30 told "$2" "$3"; }
  told() { [ "$(grep -c "$1 262144/262144" "$T/qemu-io.txt")" -ge "$2" ]; }
  for i in 1 2 3 4 5; do
    ordered "write -P $i ${i}M 256k" wrote "$i"
    update
    ordered "read -P $i ${i}M 256k" read "$i"
  done
  echo quit >&8
  exec 8>&-
  wait "$qemu"
  cat "$T/qemu-io.txt"
  if grep -i 'failed\|error\|verification' "$T/qemu-io.txt"; then return 1; fi
}

# Copies again and again; the updates fall where they fall.
nbdcopy_goes_on() {
  : >"$T/updates.json"
  rm -f "$T/stop"
  (
    copies=0
    while [ ! -e "$T/stop" ]; do
      nbdcopy --requests=16 --connections=4 "$(uri disk)" "$T/copy.raw"
      copies=$((copies + 1))
      echo "$copies" >"$T/copies"
    done
  ) &
  local copying=$! i
  : >"$T/copies"
  at_least() { [ "$(cat "$T/copies" || true)" -ge "$1" ] 2>/dev/null; }
  for ((i = 1; i <= UPDATES; i++)); do update; done
  until_true 60 at_least 2
  touch "$T/stop"
  wait "$copying"
  cmp "$T/disk.img" "$T/copy.raw"
  figure "$(cat "$T/copies") copies across $UPDATES updates; longest hold $(held_ms) ms"
}

# A name that was added, and its client's connection, outlive the bundle that made them.
names_stay() {
  sluice export nbd disk --name extra --read-only
  update
  nbdinfo "$(uri extra)" | grep -q 'is_read_only: true'
  sluice export remove extra
}

agent_log_is_clean() {
  if grep -i 'exception\|severe\|warning' "$RUN/sluiced.log"; then return 1; fi
}

check fio-verifies fio_verifies
check qemu-io-goes-on qemu_io_goes_on
check nbdcopy-goes-on nbdcopy_goes_on
check names-stay names_stay
check agent-log-is-clean agent_log_is_clean
