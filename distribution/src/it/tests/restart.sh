#!/usr/bin/env bash
# What was set up is there again after a restart, before the first write can pass; and change tracking
# goes on where it stopped, or says by a new generation that it can't.
. "${BASH_SOURCE%/*}/../lib.sh"

random_file "$T/disk.img" 16
agent

restart() {
  agent_stop "$RUN"
  "$SLUICE_HOME/bin/sluiced" --run-dir "$RUN"
}

take() {
  sluice snapshot take disk --store "dir:$T" --name "$1"
  sluice --json snapshot info "$1" >"$T/$1.json"
}

base_of() { json "$1" 'd["devices"][0]["generation_id"] + ":" + str(d["devices"][0]["changes_number"])'; }

generation() {
  sluice --json cbt info disk >"$T/cbt.json"
  json "$T/cbt.json" 'd["generation_id"]'
}

set_up() {
  sluice device add disk "$T/disk.img" --block-size 4096
  sluice device add other "$T/disk.img" --read-only && return 1
  sluice filter attach disk blksnap --altitude 510 --on-error bypass
  sluice filter attach disk fault --altitude 100
  sluice --json device list >"$T/devices.before"
  sluice --json filter chain disk >"$T/chain.before"
  restart
  sluice --json device list >"$T/devices.after"
  sluice --json filter chain disk >"$T/chain.after"
  cmp "$T/devices.before" "$T/devices.after"
  for key in filter altitude on_error; do
    same "$key" "$(json "$T/chain.before" "[f['$key'] for f in d]")" "$(json "$T/chain.after" "[f['$key'] for f in d]")"
  done
  same 'size over NBD' $((16 * MIB)) "$(nbdinfo --size "$(uri disk)")"
}

# One chain of backups over five restarts: each increment is what the client wrote, on both sides of
# the restart, and the backup is equal to the image at each link.
tracking_goes_on() {
  local link last before first count
  take full
  nbdcopy "$(uri disk@full)" "$T/backup.raw"
  last=$(base_of "$T/full.json")
  sluice snapshot destroy full
  for link in 1 2 3 4 5; do
    qemu-io -f raw -c "write -P $link $((link * 300))k 64k" -c flush "$(uri disk)"
    before=$(generation)
    restart
    same 'generation after the restart' "$before" "$(generation)"
    qemu-io -f raw -c "write -P 1$link $((8192 + link * 300))k 64k" -c flush "$(uri disk)"
    take "inc$link"
    sluice cbt map disk --since "$last" --json >"$T/changed.json"
    json "$T/changed.json" '"\n".join("%d %d" % (r["first_sector"], r["sector_count"]) for r in d["ranges"])' >"$T/ranges"
    same 'changed ranges' 2 "$(wc -l <"$T/ranges")"
    nbdcopy --no-extents "$(uri "disk@inc$link")" "$T/whole.raw"
    while read -r first count; do
      dd if="$T/whole.raw" of="$T/backup.raw" bs=512 skip="$first" seek="$first" count="$count" conv=notrunc status=none
    done <"$T/ranges"
    cmp "$T/whole.raw" "$T/backup.raw"
    last=$(base_of "$T/inc$link.json")
    sluice snapshot destroy "inc$link"
  done
}

# refused_base NAME: a base from before is void now, and the answer says so.
refused_base() {
  take "$1-after"
  refused ENODATA sluice cbt map disk --since "$(base_of "$T/$1.json")"
  sluice snapshot destroy "$1-after"
}

a_write_while_the_agent_was_away() {
  take away
  sluice snapshot destroy away
  local before
  before=$(generation)
  agent_stop "$RUN"
  printf x | dd of="$T/disk.img" bs=1 seek=5000 conv=notrunc status=none
  "$SLUICE_HOME/bin/sluiced" --run-dir "$RUN"
  [ "$before" != "$(generation)" ]
  refused_base away
}

another_file_under_the_path() {
  take replaced
  sluice snapshot destroy replaced
  agent_stop "$RUN"
  cp "$T/disk.img" "$T/copy.img"
  mv "$T/copy.img" "$T/disk.img"
  "$SLUICE_HOME/bin/sluiced" --run-dir "$RUN"
  refused_base replaced
}

a_crash() {
  take crash
  sluice snapshot destroy crash
  kill -9 "$(agent_pid "$RUN")"
  until_true 30 eval '! sluice version'
  "$SLUICE_HOME/bin/sluiced" --run-dir "$RUN"
  refused_base crash
}

# The file is missing at the start: the agent starts all the same, and the device can be had later.
missing_origin() {
  agent_stop "$RUN"
  mv "$T/disk.img" "$T/elsewhere.img"
  "$SLUICE_HOME/bin/sluiced" --run-dir "$RUN"
  same devices '[]' "$(sluice --json device list | tr -d ' \n')"
  grep -q 'device disk is configured, but' "$RUN/sluiced.log"
  mv "$T/elsewhere.img" "$T/disk.img"
  restart
  sluice device info disk
}

# What is taken away by command stays away.
forgotten() {
  sluice filter detach disk fault
  restart
  same filters "['blksnap']" "$(sluice --json filter chain disk >"$T/chain" && json "$T/chain" "[f['filter'] for f in d]")"
  sluice filter detach disk blksnap
  sluice device remove disk
  restart
  same devices '[]' "$(sluice --json device list | tr -d ' \n')"
}

nobody_else_reads_the_state() {
  same 'files open to others' '' "$(find "$RUN/state" -perm /077 -print)"
}

check set-up set_up
check tracking-goes-on tracking_goes_on
check write-while-away a_write_while_the_agent_was_away
check another-file another_file_under_the_path
check crash a_crash
check missing-origin missing_origin
check forgotten forgotten
check state-is-private nobody_else_reads_the_state
