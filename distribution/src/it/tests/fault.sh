#!/usr/bin/env bash
# The filter fault, as clients see it: each action set by `sluice filter ctl`.
. "${BASH_SOURCE%/*}/../lib.sh"

random_file "$T/disk.img" 8
cp "$T/disk.img" "$T/before.img"
agent
sluice device add disk "$T/disk.img" || die "device add"
sluice filter attach disk fault seed=3 || die "filter attach"
U=$(uri disk)

ctl() { sluice filter ctl disk fault "$@"; }
io() { qemu-io -f raw "$U" "$@"; }
fails_with() {
  local word=$1
  shift
  io "$@" >"$T/io" 2>&1 || true
  cat "$T/io"
  grep -q "failed: $word" "$T/io"
}
hits() { sluice --json filter ctl disk fault list >"$T/list.json" && json "$T/list.json" "sum(r['hit'] for r in d['rules'])"; }

errors() {
  ctl clear
  ctl add error op=write errno=ENOSPC range=1M+64K count=2
  fails_with 'No space left on device' -c 'write 1M 4k'
  io -c 'write 2M 4k'
  fails_with 'No space left on device' -c 'write 1000k 200k'
  io -c 'write 1M 4k'
  same hits 2 "$(hits)"
  refused EINVAL sluice filter ctl disk fault add error op=chew
  refused ENOENT sluice filter ctl disk fault remove 99
  refused ENOTTY sluice filter ctl disk fault explode
}

# A tenth of fio's reads fail; under the same seed the same ones do.
chance_repeats() {
  ctl clear
  ctl add error op=read probability=0.1
  local round
  for round in 1 2; do
    ctl seed 11
    fio --name=reads --ioengine=nbd --uri="$U" --rw=read --bs=4k --iodepth=1 --size=4M \
      --continue_on_error=read --output-format=json --output="$T/fio.$round" || true
    hits >"$T/hits.$round"
  done
  figure "$(cat "$T/hits.1") of 1024 reads failed at 0.1"
  [ "$(cat "$T/hits.1")" -gt 60 ] && [ "$(cat "$T/hits.1")" -lt 150 ]
  same 'hits again' "$(cat "$T/hits.1")" "$(cat "$T/hits.2")"
  same 'errors that fio saw' "$(cat "$T/hits.1")" "$(json "$T/fio.1" 'd["jobs"][0]["total_err"]')"
}

# What is read differs in as many bits as asked for, and the disk is as it was.
corrupts() {
  ctl clear
  cp "$T/disk.img" "$T/now.img"
  ctl add corrupt op=read range=3M+1 flips=3 count=1
  nbdcopy "$U" "$T/copy"
  cmp -l "$T/now.img" "$T/copy" >"$T/differences" || true
  cat "$T/differences"
  same 'bytes that differ' 1 "$(wc -l <"$T/differences")"
  same 'which one' $((3 * MIB + 1)) "$(awk '{ print $1 }' "$T/differences")"
  nbdcopy "$U" "$T/copy"
  cmp "$T/now.img" "$T/copy"
  ctl add corrupt op=write count=1
  io -c 'write -P 0x5a 5M 64k'
  io -c 'read -P 0x5a 5M 64k' >"$T/io" 2>&1 || true
  grep -q 'Pattern verification failed' "$T/io"
}

torn_and_lost() {
  ctl clear
  io -c 'write -P 1 0 64k'
  ctl add torn count=1
  fails_with 'Input/output error' -c 'write -P 2 0 64k'
  ctl add drop count=1
  io -c 'write -P 3 0 64k' -c flush
  nbdcopy "$U" "$T/copy"
  # A head of sectors is new, the rest old, and nothing is of the write that was lost.
  same 'edges between old and new' True "$("$PYTHON" -c '
import sys
data = open(sys.argv[1], "rb").read(65536)
head = len(data) - len(data.lstrip(b"\2"))
print(head % 512 == 0 and head < 65536 and data[head:] == b"\1" * (65536 - head))' "$T/copy")"
}

delays() {
  ctl clear
  ctl add delay op=read delay=300ms
  local from=${EPOCHREALTIME/[.,]/}
  io -c 'read 7M 512'
  local took=$(((${EPOCHREALTIME/[.,]/} - from) / 1000))
  figure "a client with a read delayed by 300 ms took $took ms"
  [ "$took" -ge 300 ]
}

# Writes hang until they are released, and again until the filter is detached, which hangs not.
hangs() {
  ctl clear
  ctl add hang op=write
  waiting() { sluice --json filter ctl disk fault list >"$T/list.json" && [ "$(json "$T/list.json" 'd["rules"][0]["waiting"]')" -eq "$1" ]; }
  io -c 'write -P 7 0 4k' >"$T/io.1" 2>&1 &
  local client=$!
  until_true 30 waiting 1
  kill -0 "$client"
  ctl release
  wait "$client"
  io -c 'write -P 8 4k 4k' >"$T/io.2" 2>&1 &
  client=$!
  until_true 30 waiting 1
  timeout 20 sluice filter detach disk fault
  wait "$client"
  io -c 'read -P 7 0 4k' -c 'read -P 8 4k 4k' >"$T/io.3"
  if grep -i failed "$T/io.3"; then return 1; fi
  sluice filter attach disk fault seed=3
}

# A rule given at the attachment, and a chain that tells what failed in it.
attached_with_rules() {
  sluice filter detach disk fault
  sluice filter attach disk fault rules='error op=read errno=EIO count=1; delay op=write delay=1ms'
  fails_with 'Input/output error' -c 'read 0 4k'
  io -c 'write 0 4k'
  same hits 2 "$(hits)"
  sluice --json filter chain disk >"$T/chain.json"
  same 'errors in the chain' 1 "$(json "$T/chain.json" 'd[0]["error_count"]')"
  same state attached "$(json "$T/chain.json" 'd[0]["state"]')"
}

check errors errors
check chance-repeats chance_repeats
check corrupts corrupts
check torn-and-lost torn_and_lost
check delays delays
check hangs hangs
check attached-with-rules attached_with_rules
