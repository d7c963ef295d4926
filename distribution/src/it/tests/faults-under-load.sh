#!/usr/bin/env bash
# What ends a snapshot, while a client that verifies writes to the device: each time the device knows
# no error, the snapshot is lost with one event that has the reason, the agent is quiet afterwards,
# and the device can be snapshotted again, with tracking that missed nothing.
. "${BASH_SOURCE%/*}/../lib.sh"

# Of the log, for each fault; and processor time in an idle second, in hundredths.
LOG_LINES_MAX=20
IDLE_TICKS_MAX=10

random_file "$T/disk.img" 64
# Stores grow by 1 MiB, so that one is full while it grows, not when it is made.
agent --set sluice.blksnap.diff_storage_minimum=2048
sluice device add disk "$T/disk.img" || die "device add"
sluice filter attach disk fault --altitude 1 || die "filter attach"
sluice filter attach disk blksnap || die "filter attach"

mounts() {
  [ "$(id -u)" -eq 0 ] || skip "mounting a small tmpfs needs root"
  mkdir -p "$T/tiny"
  mount -t tmpfs -o "size=$1,mode=0700" tmpfs "$T/tiny" || skip "no tmpfs can be mounted"
  trap 'umount -l "$T/tiny"' EXIT
}

ticks() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$(agent_pid "$RUN")/stat"; }
# A second in which the agent does next to nothing.
idle_second() {
  local before
  before=$(ticks)
  timeout 1 tail -f /dev/null || true
  IDLE_TICKS=$(($(ticks) - before))
  [ "$IDLE_TICKS" -le "$IDLE_TICKS_MAX" ]
}
log_lines() { wc -l <"$RUN/sluiced.log"; }
bios_failed() { sluice --json stats disk >"$T/stats.json"; json "$T/stats.json" 'd[0]["error_count"]'; }

# All events of a snapshot that is lost: its one `corrupted` names the error. A warning may come before.
lost_by() {
  local snapshot=$1 errno=$2 lost=0
  while sluice snapshot wait-event "$snapshot" --timeout "$((lost ? 0 : 30000))" >"$T/event" 2>"$T/err"; do
    cat "$T/event"
    if grep -q corrupted "$T/event"; then
      lost=$((lost + 1))
      grep -q "$errno" "$T/event"
      grep -q 'device: *disk' "$T/event"
    fi
  done
  cat "$T/err"
  grep -q ETIMEDOUT "$T/err"
  same 'events of the loss' 1 "$lost"
}

# What changed between two images, in tracking blocks, must all be in the map.
none_missed() {
  "$PYTHON" - "$@" <<'END'
import json, sys
before, after = (open(name, "rb") for name in sys.argv[1:3])
changed = json.load(open(sys.argv[3]))
told = [(r["first_sector"] * 512, (r["first_sector"] + r["sector_count"]) * 512) for r in changed["ranges"]]
at = count = 0
while True:
    old, new = before.read(4096), after.read(4096)
    if not new:
        break
    if old != new:
        count += 1
        assert any(low <= at < high for low, high in told), "a change at %d is not in the map" % at
    at += 4096
assert count > 0, "nothing changed"
print("%d blocks changed" % count)
END
}

# loses ERRNO OPTION...: takes with these options, and writes until the snapshot is lost.
loses() {
  local errno=$1 failed lines base
  shift
  failed=$(bios_failed)
  cp "$T/disk.img" "$T/before.img"
  sluice snapshot take disk --name faulty "$@"
  sluice --json snapshot info faulty >"$T/info.json"
  base=$(json "$T/info.json" 'd["devices"][0]["generation_id"] + ":" + str(d["devices"][0]["changes_number"])')
  lines=$(log_lines)
  [ -z "${FAULT:-}" ] || $FAULT
  fio --name=load --ioengine=nbd --uri="$(uri disk)" --rw=randwrite --bs=16k --size=64M --io_size=48M \
    --iodepth=16 --verify=crc32c --verify_fatal=1 --verify_state_save=0 --output="$T/fio.txt" ||
    { cat "$T/fio.txt"; return 1; }
  grep -q 'err= 0' "$T/fio.txt"
  lost_by faulty "$errno"
  if nbdcopy "$(uri disk@faulty)" "$T/copy.raw" 2>"$T/err"; then echo "image still read"; return 1; fi
  grep -qi 'input/output error' "$T/err"
  same 'bios that failed' "$failed" "$(bios_failed)"
  until_true 60 idle_second
  figure "idle: $IDLE_TICKS hundredths of processor time in a second; $(($(log_lines) - lines)) lines in the log"
  [ $(($(log_lines) - lines)) -le $LOG_LINES_MAX ]
  sluice snapshot destroy faulty
  sluice filter ctl disk fault clear

  cp "$T/disk.img" "$T/now.img"
  sluice snapshot take disk --store "dir:$T" --name next
  sluice cbt map disk --since "$base" --json >"$T/changed.json"
  qemu-io -f raw -c 'write -P 1 8M 4M' "$(uri disk)" >/dev/null
  nbdcopy --no-extents "$(uri disk@next)" "$T/copy.raw"
  cmp "$T/now.img" "$T/copy.raw"
  none_missed "$T/before.img" "$T/now.img" "$T/changed.json"
  sluice snapshot destroy next
}

overflow() { loses ENOSPC --store "dir:$T" --limit 2M; }
full_file_system() {
  mounts 4M
  loses ENOSPC --store "dir:$T/tiny" --limit 64M
}
# The store is a file on another device of the agent, whose writes fail from some moment on.
store_device_error() {
  [ -c /dev/fuse ] || skip "no /dev/fuse"
  truncate -s 128M "$T/under.img"
  sluice device add under "$T/under.img"
  sluice filter attach under fault
  mkdir "$T/fuse"
  nbdfuse "$T/fuse" "$(uri under)" &
  trap 'umount -l "$T/fuse"' EXIT
  until_true 20 test -f "$T/fuse/nbd"
  write_fails() { sluice filter ctl under fault add error op=write errno=EIO; }
  FAULT=write_fails loses EIO --store "file:$T/fuse/nbd"
}
# The first read of the origin is that of a copy: fio reads only when it has written all.
origin_read_error() {
  read_fails() { sluice filter ctl disk fault add error op=read errno=EIO count=1; }
  FAULT=read_fails loses EIO --store "dir:$T"
}

check overflow overflow
check full-file-system full_file_system
check store-device-error store_device_error
check origin-read-error origin_read_error
