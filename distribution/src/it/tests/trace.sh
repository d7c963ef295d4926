#!/usr/bin/env bash
# The filter trace: what it counts, what it keeps, and that its replay ends with the same bytes.
. "${BASH_SOURCE%/*}/../lib.sh"

random_file "$T/disk.img" 16
agent
sluice device add disk "$T/disk.img" || die "device add"
U=$(uri disk)

counts() {
  sluice filter attach disk trace
  qemu-io -f raw -c 'write -P 1 4k 8k' -c 'write -z 1M 64k' -c 'discard 2M 64k' -c flush -c 'read 4k 512' "$U"
  sluice --json filter ctl disk trace stats >"$T/stats.json"
  same writes "[(1, 8192, 0)]" "$(json "$T/stats.json" '[(o["count"], o["bytes"], o["errors"]) for o in d["ops"] if o["op"] == "write"]')"
  same operations "['discard', 'flush', 'read', 'write', 'write_zeroes']" "$(json "$T/stats.json" 'sorted(o["op"] for o in d["ops"])')"
  same histogram True "$(json "$T/stats.json" 'sum(l["count"] for l in d["latencies"]) == sum(o["count"] for o in d["ops"])')"
  sluice filter ctl disk trace off
  qemu-io -f raw -c 'write -P 2 4k 8k' "$U"
  sluice --json filter ctl disk trace stats >"$T/off.json"
  same 'while off' "$(json "$T/stats.json" 'd["bios"]')" "$(json "$T/off.json" 'd["bios"]')"
  sluice --json filter ctl disk trace last 2 >"$T/last.json"
  same 'last two' 2 "$(json "$T/last.json" 'len(d["bios"])')"
  sluice filter ctl disk trace stats
  sluice filter ctl disk trace last 3
  sluice filter detach disk trace
}

# fio reads, writes, zeroes by trim and flushes at depth 32; a replay on a copy gives the same bytes.
replays() {
  cp "$T/disk.img" "$T/copy.img"
  cp "$T/disk.img" "$T/before.img"
  sluice filter attach disk trace "file=$T/disk.trace" data=full buffer=32M
  # Without a random map two writes may meet in time and place, and either may win.
  fio --name=load --ioengine=nbd --uri="$U" --rw=randrw --bsrange=512-64k --blockalign=512 \
    --iodepth=32 --size=16M --io_size=64M --randseed=7 --fsync=64 --serialize_overlap=1 \
    --output="$T/fio.txt"
  sluice filter ctl disk trace sync
  sluice --json filter ctl disk trace stats >"$T/stats.json"
  sluice filter detach disk trace
  same mode 600 "$(stat -c %a "$T/disk.trace")"
  same dropped 0 "$(json "$T/stats.json" 'd["file_dropped"]')"
  figure "$(json "$T/stats.json" 'd["file_bios"]') bios, $(($(stat -c %s "$T/disk.trace") / MIB)) MiB of trace"
  sluice-trace replay --dry-run "$T/disk.trace" >"$T/dry"
  grep -q 'trace_complete: true' "$T/dry"
  cmp "$T/before.img" "$T/copy.img"
  if cmp -s "$T/disk.img" "$T/copy.img"; then echo "fio wrote nothing"; return 1; fi
  sluice-trace replay "$T/disk.trace" "$T/copy.img" | tee "$T/replayed"
  grep -q 'bios_missing_in_trace: 0' "$T/replayed"
  cmp "$T/disk.img" "$T/copy.img"
  refused EBUSY sluice-trace replay "$T/disk.trace" "$T/disk.img"
}

# The trace goes through fio again, onto another copy: the same load, so as many bytes.
fio_takes_it() {
  sluice-trace fio "$T/disk.trace" >"$T/disk.iolog"
  same first 'fio version 3 iolog' "$(head -n 1 "$T/disk.iolog")"
  fio --name=again --ioengine=psync --read_iolog="$T/disk.iolog" --replay_redirect="$T/before.img" \
    --replay_no_stall=1 --output-format=json --output="$T/again.json"
  same 'bytes written' "$(json "$T/stats.json" '[o["bytes"] for o in d["ops"] if o["op"] == "write"][0]')" \
    "$(json "$T/again.json" 'd["jobs"][0]["write"]["io_bytes"]')"
  sluice filter attach disk trace "file=$T/direct.iolog" format=fio
  qemu-io -f raw -c 'write -P 1 4k 8k' -c flush "$U"
  sluice filter detach disk trace
  grep -q '^[0-9]* disk write 4096 8192$' "$T/direct.iolog"
  tail -n 1 "$T/direct.iolog" | grep -q '^[0-9]* disk close$'
}

# A file that can't be made is refused; one that reaches its limit drops records, and fails no bio.
never_in_the_way() {
  refused ENOENT sluice filter attach disk trace file=/nonexistent/trace
  refused EINVAL sluice filter attach disk trace file=trace
  sluice filter attach disk trace "file=$T/small" data=full limit=1M
  fio --name=load --ioengine=nbd --uri="$U" --rw=randwrite --bs=64k --iodepth=8 --size=16M \
    --output="$T/fio.txt"
  sluice --json filter ctl disk trace stats >"$T/stats.json"
  sluice filter detach disk trace
  same state full "$(json "$T/stats.json" 'd["file_state"]')"
  same 'kept or counted' True "$(json "$T/stats.json" 'd["file_bios"] + d["file_dropped"] == d["bios"]')"
  [ "$(stat -c %s "$T/small")" -le $MIB ]
  sluice-trace show "$T/small" | tail -n 1 | grep -q "# complete, .* dropped"
}

check counts counts
check replays replays
check fio-takes-it fio_takes_it
check never-in-the-way never_in_the_way
