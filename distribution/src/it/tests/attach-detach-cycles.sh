#!/usr/bin/env bash
# A thousand attachments and detachments, in random places of a chain, while fio writes at depth 32 and
# verifies what it wrote: no client sees an error, and no byte is lost.
. "${BASH_SOURCE%/*}/../lib.sh"

SEED=${SEED:-1}
CYCLES=1000
truncate -s $((32 * MIB)) "$T/disk.img"
agent
sluice device add disk "$T/disk.img" || die "device add"

# 1,000 attachments and as many detachments, as lines for the shell. Three filters come and go at
# altitudes of their own, so each is put above, below and between the others; where an altitude is
# taken, the attachment must be refused with EBUSY.
plan() {
  awk -v seed="$SEED" -v cycles="$CYCLES" -v refusals="$T/refusals" '
    function free(altitude,  name) {
      for (name in at) if (at[name] == altitude) return 0
      return 1
    }
    BEGIN {
      srand(seed)
      count = split("trace fault blksnap", names, " ")
      attached = attaches = detaches = refused = 0
      while (detaches < cycles) {
        name = names[1 + int(rand() * count)]
        if (name in at) {
          print "filter:detach disk " name
          delete at[name]
          attached--; detaches++
        } else if (attaches < cycles) {
          altitude = 1 + int(rand() * 12)
          print "filter:attach disk " name " --altitude " altitude
          if (free(altitude)) { at[name] = altitude; attached++; attaches++ } else refused++
        }
      }
      print refused > refusals
    }'
}

load() {
  local round=0
  while [ ! -e "$T/stop" ]; do
    round=$((round + 1))
    fio --name=load --ioengine=nbd --uri="$(uri disk)" --rw=randwrite --bs=4k --iodepth=32 --size=32M \
      --verify=crc32c --verify_fatal=1 --randseed=$((SEED + round)) --output="$T/fio.txt" \
      --verify_state_save=0 || { cat "$T/fio.txt"; return 1; }
    echo "$round" >"$T/rounds"
  done
}

cycles() {
  echo "SEED=$SEED replays this"
  plan >"$T/plan"
  same lines $((2 * CYCLES + $(cat "$T/refusals"))) "$(wc -l <"$T/plan")"
  [ "$(cat "$T/refusals")" -gt 0 ]
  load &
  local load=$!
  written() { sluice --json stats disk >"$T/stats.json" && [ "$(json "$T/stats.json" 'd[0]["write_count"]')" -gt 1000 ]; }
  until_true 30 written
  local writes from=${EPOCHREALTIME/[.,]/}
  writes=$(json "$T/stats.json" 'd[0]["write_count"]')
  # One client for all of them: to start one for each would take longer than all they do.
  sluice shell <"$T/plan" >"$T/shell.out" 2>"$T/shell.err" || true
  local took=$(((${EPOCHREALTIME/[.,]/} - from) / 1000))
  kill -0 "$load" || { echo "the load ended early"; wait "$load"; }
  sluice --json stats disk >"$T/stats.json"
  touch "$T/stop"
  wait "$load"
  grep -v EBUSY "$T/shell.err" || true
  same 'refusals of a taken altitude' "$(cat "$T/refusals")" "$(grep -c EBUSY "$T/shell.err")"
  same 'other errors' 0 "$(grep -vc EBUSY "$T/shell.err" || true)"
  sluice --json filter chain disk >"$T/chain.json"
  same 'left in the chain' '[]' "$(json "$T/chain.json" d)"
  same 'bios that failed' 0 "$(json "$T/stats.json" 'd[0]["error_count"]')"
  same 'freezes, at least' True "$(json "$T/stats.json" "d[0]['freeze_count'] >= 2 * $CYCLES")"
  figure "$CYCLES attachments and $CYCLES detachments in $took ms," \
    "with $(($(json "$T/stats.json" 'd[0]["write_count"]') - writes)) writes meanwhile"
  figure "longest hold: $(json "$T/stats.json" 'd[0]["freeze_max_nanos"] // 1000') us;" \
    "$(cat "$T/rounds") rounds of 32 MiB written and verified"
}

check cycles cycles
