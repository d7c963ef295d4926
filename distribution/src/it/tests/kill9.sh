#!/usr/bin/env bash
# The agent is killed under write load, with snapshots held. What a flush acknowledged is there, the
# file system checks clean, and the next start needs no hand.
. "${BASH_SOURCE%/*}/../lib.sh"

mkdir "$T/tree" "$T/store"
random_file "$T/tree/database" 24
cp -r "$SLUICE_ROOT/filter-api/src/main/java" "$T/tree/"
truncate -s $((64 * MIB)) "$T/disk.img"
mkfs.ext4 -q -b 4096 -d "$T/tree" "$T/disk.img" || die "mkfs.ext4"
random_file "$T/load.img" 64
# The client writes to the blocks of one file, so that the file system stays what it was.
area=$(debugfs -R 'blocks /database' "$T/disk.img" 2>/dev/null | tr -s ' ' '\n' | awk '
  $1 == first + count && count { count++; next }
  $1 != "" && !count { first = $1; count = 1 }
  END { print first "+" count }')

killed_under_load() {
  : >"$T/client.log"
  cp --sparse=always "$T/disk.img" "$T/before.img"
  "$SLUICE_HOME/bin/sluiced" --run-dir "$RUN"
  local pid
  pid=$(agent_pid "$RUN")
  sluice device add disk "$T/disk.img"
  sluice device add load "$T/load.img"
  sluice snapshot take disk load --store "dir:$T/store" --name held
  # A flush after each twentieth write. qemu-io says when a write is done and is silent on a flush; but
  # it does one thing after the other, so a write that is done tells that the flush before it is.
  record plan "$1" 200000 4 "$area" | awk '{ print } NR % 20 == 0 { print "flush" }' >"$T/plan"
  fio --name=load --ioengine=nbd --uri="$(uri load)" --rw=randwrite --bsrange=4k-128k --iodepth=32 \
    --size=64M --time_based --runtime=60 --output="$T/fio.txt" &
  local fio=$!
  stdbuf -oL qemu-io -f raw "$(uri disk)" <"$T/plan" >"$T/client.log" 2>&1 &
  local client=$!
  enough_acknowledged() { [ "$(acknowledged "$T/client.log")" -ge 800 ]; }
  until_true 60 enough_acknowledged
  load_runs() { sluice --json stats load >"$T/stats.json" && [ "$(json "$T/stats.json" 'd[0]["write_count"]')" -ge 200 ]; }
  until_true 60 load_runs
  kill -0 "$client" "$fio"
  kill -9 "$pid"
  # Each of them notices; neither hangs.
  timeout 30 tail --pid="$client" -s 0.1 -f /dev/null
  timeout 30 tail --pid="$fio" -s 0.1 -f /dev/null
  local done_writes at flushed
  done_writes=$(acknowledged "$T/client.log")
  read -r at flushed < <(awk -v wanted="$done_writes" '
    /^flush/ { flush = NR } /^write/ && ++writes == wanted { print NR, flush; exit }' "$T/plan")
  figure "killed after $done_writes acknowledged writes, the last flush was command $flushed"
  [ "$flushed" -gt 500 ]
  # At most the next write, or the next flush and the write after it, was under way.
  record survived "$T/before.img" "$T/plan" "$flushed" $((at + 2)) "$T/disk.img"
  # The kernel has all that was acknowledged at all, for only the process died.
  record survived "$T/before.img" "$T/plan" "$at" $((at + 2)) "$T/disk.img"
  e2fsck -fn "$T/disk.img"
  same 'files left in the store' '' "$(ls -A "$T/store")"
  # No clean-up: start again, same run directory, same files; the devices are there.
  "$SLUICE_HOME/bin/sluiced" --run-dir "$RUN"
  same 'devices after the restart' 'disk load' "$(sluice --json device list >"$T/devices" && json "$T/devices" '" ".join(d["name"] for d in d)')"
  same 'snapshots after the restart' '[]' "$(sluice --json snapshot list | tr -d ' \n')"
  nbdcopy --no-extents "$(uri disk)" "$T/copy.raw"
  cmp "$T/copy.raw" "$T/disk.img"
  sluice snapshot take disk load --store "dir:$T/store" --name again
  qemu-io -f raw -c 'write -P 1 0 64k' -c flush "$(uri load)"
  nbdcopy "$(uri disk@again)" "$T/copy.raw"
  cmp "$T/copy.raw" "$T/disk.img"
  agent_stop "$RUN"
  rm -rf "$RUN/state"
}
on_exit agent_stop "$RUN"

check once killed_under_load 1
check twice killed_under_load 2
