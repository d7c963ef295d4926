#!/usr/bin/env bash
# Start, stop and start again, as a supervisor does it; what is private is private.
. "${BASH_SOURCE%/*}/../lib.sh"

mkdir "$T/store"
random_file "$T/disk.img" 16

millis() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }

starts_and_stops() {
  local from pid
  from=$(millis)
  "$SLUICE_HOME/bin/sluiced" --run-dir "$RUN"
  figure "sluiced was ready after $(($(millis) - from)) ms"
  pid=$(agent_pid "$RUN")
  same 'mode of the run directory' 700 "$(stat -c %a "$RUN")"
  same 'mode of nbd.sock' 600 "$(stat -c %a "$RUN/nbd.sock")"
  same 'mode of control.sock' 600 "$(stat -c %a "$RUN/control.sock")"
  local i best=999999 took
  for i in 1 2 3 4 5; do
    from=$(millis)
    sluice version >/dev/null
    took=$(($(millis) - from))
    [ "$took" -ge "$best" ] || best=$took
  done
  figure "sluice version took $best ms at best of five"
  figure "resident memory of an idle agent: $(resident_mib) MiB"
  [ "$best" -lt 5000 ]
  sluice device add disk "$T/disk.img"
  sluice snapshot take disk --store "dir:$T/store" --name held
  nbdinfo --size "$(uri disk@held)"
  kill -TERM "$pid"
  timeout 30 tail --pid="$pid" -s 0.05 -f /dev/null
  [ ! -e "$RUN/nbd.sock" ] || { echo "nbd.sock is left"; return 1; }
  [ ! -e "$RUN/control.sock" ] || { echo "control.sock is left"; return 1; }
  same 'left in the store' '' "$(ls -A "$T/store")"
  if agent_pid "$RUN"; then echo "its process id is left"; return 1; fi
  if grep -i 'exception\|severe' "$RUN/sluiced.log"; then return 1; fi
}
# In the foreground, told when ready, stopped by a signal with status 0: Type=notify-like.
supervised() {
  local round pid word status
  for round in 1 2 3; do
    mkfifo "$T/ready"
    "$SLUICE_HOME/bin/sluiced" --run-dir "$RUN" --foreground --ready-fd 7 7>"$T/ready" 2>"$T/log" &
    pid=$!
    read -r -t 60 word <"$T/ready"
    rm "$T/ready"
    same 'ready line' ready "$word"
    same 'process id' "$pid" "$(agent_pid "$RUN")"
    sluice device info disk
    same size $((16 * MIB)) "$(nbdinfo --size "$(uri disk)")"
    kill -TERM "$pid"
    status=0
    wait "$pid" || status=$?
    # A Java machine that ends by the signal says 143; a supervisor takes both for a clean stop.
    case $status in 0 | 143) ;; *) cat "$T/log"; same 'exit status' 0 "$status" ;; esac
  done
}
shutdown_command() {
  "$SLUICE_HOME/bin/sluiced" --run-dir "$RUN"
  local pid
  pid=$(agent_pid "$RUN")
  sluice device info disk
  sluice shutdown
  timeout 30 tail --pid="$pid" -s 0.05 -f /dev/null
  [ ! -e "$RUN/control.sock" ]
}
# A client that writes at the moment of the stop gets an answer or an end, and the agent stops in time.
stops_under_load() {
  "$SLUICE_HOME/bin/sluiced" --run-dir "$RUN"
  local pid
  pid=$(agent_pid "$RUN")
  sluice device info disk
  sluice snapshot take disk --store "dir:$T/store" --name held
  fio --name=load --ioengine=nbd --uri="$(uri disk)" --rw=randrw --bs=4k --iodepth=32 --size=16M \
    --time_based --runtime=60 --output="$T/fio.txt" &
  local fio=$!
  read_bytes() { sluice --json stats disk >"$T/stats.json" && [ "$(json "$T/stats.json" 'd[0]["write_count"]')" -gt 1000 ]; }
  until_true 30 read_bytes
  local from
  from=$(millis)
  kill -TERM "$pid"
  timeout 30 tail --pid="$pid" -s 0.05 -f /dev/null
  figure "stopped under load after $(($(millis) - from)) ms"
  timeout 30 tail --pid="$fio" -s 0.1 -f /dev/null
  same 'left in the store' '' "$(ls -A "$T/store")"
}
on_exit agent_stop "$RUN"

check starts-and-stops starts_and_stops
check supervised supervised
check shutdown-command shutdown_command
check stops-under-load stops_under_load
