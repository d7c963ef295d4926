#!/usr/bin/env bash
# The examples for authors: built from released jars alone, and doing what they say.
. "${BASH_SOURCE%/*}/../lib.sh"

EXAMPLES=$T/examples
cp -r "$SLUICE_ROOT/bundles/examples" "$EXAMPLES"
find "$EXAMPLES" -name target -prune -exec rm -rf {} +

# bundle NAME: the jar of an example.
bundle() { echo "$EXAMPLES/$1/target/$1-1.0.0.jar"; }

builds() {
  outsider -q -f "$EXAMPLES/pom.xml" package
  local name
  for name in filter-template filter-throttle diffstore-heap; do
    [ -f "$(bundle "$name")" ] || { echo "no $(bundle "$name")"; return 1; }
    find "$EXAMPLES/$name/target/surefire-reports" -name 'TEST-*.xml' | grep -q . ||
      { echo "no test of $name was run"; return 1; }
  done
}
# Blank lines, comments, imports and lone brackets are not what somebody has to write or understand.
template_is_short() {
  local count
  count=$(find "$EXAMPLES/filter-template/src/main" -name '*.java' -exec cat {} + |
    grep -vcE '^\s*($|//|/?\*|package |import |@Override$|[][(){};,]+$)')
  figure "$count useful lines"
  [ "$count" -ge 30 ] && [ "$count" -le 60 ]
}

check builds builds
check template-is-short template_is_short
[ -f "$(bundle filter-throttle)" ] && [ -f "$(bundle diffstore-heap)" ] || { results; exit; }

random_file "$T/disk.img" 64
agent
sluice device add disk "$T/disk.img" || die "device add"
sluice bundle install "$(bundle filter-throttle)" --start >/dev/null || die "bundle install"
sluice bundle install "$(bundle diffstore-heap)" --start >/dev/null || die "bundle install"

# load NAME ARG...: fio on the device; its figures are left in $T/NAME.json.
load() {
  local name=$1
  shift
  fio --name=load --ioengine=nbd --uri="$(uri disk)" --size=64M --output-format=json \
    --output="$T/$name.json" "$@" || { cat "$T/$name.json"; return 1; }
  same "fio's error" 0 "$(json "$T/$name.json" 'd["jobs"][0]["error"]')"
}
# within WHAT LIMIT ACTUAL: at the limit, give or take 5 %.
within() {
  figure "$1: limit $2, was $3"
  "$PYTHON" -c 'import sys; sys.exit(abs(float(sys.argv[2]) / float(sys.argv[1]) - 1) > 0.05)' "$2" "$3" ||
    { echo "$1: limit $2, was $3"; return 1; }
}
# By fio's own counters: what it got done, by the time it took.
rate() { json "$T/$1.json" "d['jobs'][0]['$2']['$3']"; }

throttle_iops() {
  sluice filter attach disk throttle iops=500
  load iops --rw=randwrite --bs=4k --iodepth=8 --time_based --runtime=3 --verify=crc32c --verify_state_save=0 --do_verify=0
  within 'writes per second' 500 "$(rate iops write iops)"
  sluice filter detach disk throttle
}
throttle_bandwidth() {
  sluice filter attach disk throttle bandwidth=8M
  load bandwidth --rw=read --bs=64k --iodepth=8 --time_based --runtime=3
  within 'bytes per second' $((8 * MIB)) "$(rate bandwidth read bw_bytes)"
  sluice filter detach disk throttle
}
throttle_apart() {
  sluice filter attach disk throttle iops-read=400 iops-write=150 burst=20ms
  load apart --rw=randread --bs=4k --iodepth=8 --time_based --runtime=3 \
    --name=writes --rw=randwrite --bs=4k --iodepth=8 --time_based --runtime=3 \
    --ioengine=nbd --uri="$(uri disk)" --size=64M
  within 'reads per second' 400 "$(rate apart read iops)"
  within 'writes per second' 150 "$(json "$T/apart.json" "d['jobs'][1]['write']['iops']")"
  sluice filter detach disk throttle
}
# 4000 writes would take 40 s; they are let go in the middle.
throttle_is_changed_while_running() {
  sluice filter attach disk throttle iops=100
  load changed --rw=randwrite --bs=4k --iodepth=8 --io_size=16000k &
  local fio=$!
  some_waited() {
    sluice --json filter ctl disk throttle show >"$T/show.json"
    [ "$(json "$T/show.json" 'd["waited_count"]')" -gt 50 ]
  }
  until_true 30 some_waited
  sluice filter ctl disk throttle set iops=0
  wait "$fio"
  figure "fio took $(json "$T/changed.json" "d['jobs'][0]['job_runtime']") ms"
  [ "$(json "$T/changed.json" "d['jobs'][0]['job_runtime']")" -lt 30000 ]
  sluice filter detach disk throttle
}
# Those that wait are inside the device, and must be let go for it to drain.
throttle_lets_go_at_a_detach() {
  sluice filter attach disk throttle iops=2
  load detached --rw=randwrite --bs=4k --iodepth=32 --io_size=16000k --verify=crc32c --verify_state_save=0 --verify_fatal=1 &
  local fio=$!
  some_waited() {
    sluice --json filter ctl disk throttle show >"$T/show.json"
    [ "$(json "$T/show.json" 'd["waited_count"]')" -gt 2 ]
  }
  until_true 30 some_waited
  sluice filter detach disk throttle
  wait "$fio"
}
throttle_refuses() {
  refused EINVAL sluice filter attach disk throttle iops=many
  refused EINVAL sluice filter attach disk throttle speed=3
  sluice filter attach disk throttle
  refused EINVAL sluice filter ctl disk throttle set burst=1m
  sluice filter detach disk throttle
}
heap_store() {
  cp "$T/disk.img" "$T/before.img"
  sluice snapshot take disk --store heap:16M --name quick
  qemu-io -f raw -c 'write -P 0x51 4M 8M' -c flush "$(uri disk)"
  nbdcopy "$(uri disk@quick)" "$T/copy.raw"
  cmp "$T/before.img" "$T/copy.raw"
  sluice snapshot destroy quick
  refused EINVAL sluice snapshot take disk --store heap:100G --name huge
  refused EINVAL sluice snapshot take disk --store heap:much --name huge
}
heap_store_overflows() {
  sluice snapshot take disk --store heap:1M --name small
  qemu-io -f raw -c 'write -P 0x52 4M 8M' -c 'read -P 0x52 4M 8M' "$(uri disk)" | tee "$T/io"
  if grep -qi 'failed\|error' "$T/io"; then return 1; fi
  sluice snapshot wait-event small --timeout 30000 >"$T/event"
  cat "$T/event"
  if nbdcopy "$(uri disk@small)" "$T/copy.raw"; then echo "image still read"; return 1; fi
  sluice snapshot destroy small
}

check throttle-iops throttle_iops
check throttle-bandwidth throttle_bandwidth
check throttle-apart throttle_apart
check throttle-is-changed-while-running throttle_is_changed_while_running
check throttle-lets-go-at-a-detach throttle_lets_go_at_a_detach
check throttle-refuses throttle_refuses
check heap-store heap_store
check heap-store-overflows heap_store_overflows
