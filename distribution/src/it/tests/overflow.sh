#!/usr/bin/env bash
# A store that runs full ends the snapshot, and nothing else.
. "${BASH_SOURCE%/*}/../lib.sh"

random_file "$T/disk.img" 64
random_file "$T/other.img" 16
agent
sluice device add disk "$T/disk.img" || die "device add"
sluice device add other "$T/other.img" || die "device add"

overflows() {
  cp "$T/other.img" "$T/other-before.img"
  sluice snapshot take disk other --store "dir:$T" --limit 1M --name small
  # 64 MiB of changes into 1 MiB of store, while the waiter waits.
  sluice snapshot wait-event small --timeout 30000 >"$T/event" &
  local waiter=$!
  fio --name=fill --ioengine=nbd --uri="$(uri disk)" --rw=randwrite --bs=64k --size=64M --iodepth=16 \
    --verify=crc32c --verify_fatal=1 --output="$T/fio.txt" || { cat "$T/fio.txt"; return 1; }
  grep -q 'err= 0' "$T/fio.txt"
  wait "$waiter"
  cat "$T/event"
  # The warning of a store that is half full may come first.
  grep -q corrupted "$T/event" ||
    sluice snapshot wait-event small --timeout 30000 | tee "$T/event"
  grep -q corrupted "$T/event"
  grep -q 'disk' "$T/event"
  grep -q 'ENOSPC' "$T/event"
  # The image is an error now, at once, never old and new mixed.
  if nbdcopy "$(uri disk@small)" "$T/copy.raw" 2>"$T/err"; then echo "image still read"; return 1; fi
  cat "$T/err"
  grep -qi 'input/output error' "$T/err"
  if qemu-io -r -f raw -c 'read 0 512' "$(uri disk@small)" >"$T/io" 2>&1 && ! grep -qi 'error' "$T/io"; then
    cat "$T/io"
    echo "a sector of the lost image was read"
    return 1
  fi
  sluice --json snapshot info small >"$T/info.json"
  same 'error of disk' -28 "$(json "$T/info.json" '[e["error_code"] for e in d["devices"] if e["device"] == "disk"][0]')"
  # Its sibling asked nothing of the store, so it lives.
  nbdcopy "$(uri other@small)" "$T/copy.raw"
  cmp "$T/other-before.img" "$T/copy.raw"
}
live_goes_on() {
  qemu-io -f raw -c 'write -P 0x42 1M 4M' -c flush -c 'read -P 0x42 1M 4M' "$(uri disk)" | tee "$T/io"
  if grep -qi 'failed\|error' "$T/io"; then return 1; fi
  nbdcopy --no-extents "$(uri disk)" "$T/copy.raw"
  cmp "$T/copy.raw" "$T/disk.img"
  same 'failed bios' 0 "$(sluice --json stats disk >"$T/stats.json"; json "$T/stats.json" 'd[0]["error_count"]')"
}
next_snapshot_works() {
  sluice snapshot destroy small
  cp "$T/disk.img" "$T/before.img"
  sluice snapshot take disk --store "dir:$T" --name next
  qemu-io -f raw -c 'write -P 1 0 10M' "$(uri disk)"
  nbdcopy "$(uri disk@next)" "$T/copy.raw"
  cmp "$T/before.img" "$T/copy.raw"
  sluice snapshot destroy next
}
no_event() {
  sluice snapshot take disk --store "dir:$T" --name calm
  local from=$EPOCHREALTIME
  sluice snapshot wait-event calm --timeout 300 >"$T/event" 2>&1 || true
  cat "$T/event"
  if grep -q corrupted "$T/event"; then return 1; fi
  sluice snapshot destroy calm
}
# A file system that is too small for the store: refused with the reason, or the snapshot is lost by
# and by. Writes to the device never fail.
full_file_system() {
  [ "$(id -u)" -eq 0 ] || skip "mounting a small tmpfs needs root"
  mkdir -p "$T/tiny"
  mount -t tmpfs -o size=4M,mode=0700 tmpfs "$T/tiny" || skip "no tmpfs can be mounted"
  trap 'umount -l "$T/tiny"' EXIT
  head -c $((3 * MIB)) /dev/zero >"$T/tiny/filler"
  local status=0
  sluice snapshot take disk --store "dir:$T/tiny" --limit 32M --name tiny 2>"$T/err" || status=$?
  cat "$T/err"
  if [ "$status" -ne 0 ]; then
    grep -q ENOSPC "$T/err"
    same 'snapshots left' '[]' "$(sluice --json snapshot list | tr -d ' \n')"
  fi
  qemu-io -f raw -c 'write -P 0x43 0 32M' -c flush -c 'read -P 0x43 0 32M' "$(uri disk)" | tee "$T/io"
  if grep -qi 'failed\|error' "$T/io"; then return 1; fi
  if [ "$status" -eq 0 ]; then
    sluice snapshot wait-event tiny --timeout 10000 | tee "$T/event"
    if nbdcopy "$(uri disk@tiny)" "$T/copy.raw"; then echo "image still read"; return 1; fi
    sluice snapshot destroy tiny
  fi
}

check overflows overflows
check live-goes-on live_goes_on
check next-snapshot-works next_snapshot_works
check no-event no_event
check full-file-system full_file_system
