#!/usr/bin/env bash
# A store that answers no more, as on a disk or a server that hangs: a frozen file system. Writes to
# the device wait at most as long as they are allowed to, and the snapshot breaks, never a write.
. "${BASH_SOURCE%/*}/../lib.sh"

LIMIT_MS=1000

random_file "$T/disk.img" 32
mounted=''
if [ "$(id -u)" -eq 0 ] && [ -e /dev/loop-control ]; then
  truncate -s 128M "$T/fs.img"
  mkfs.ext4 -q -F "$T/fs.img" && mkdir "$T/fs" && mount -o loop "$T/fs.img" "$T/fs" && mounted=yes
fi
on_exit thaw_and_unmount
thaw_and_unmount() {
  [ -n "$mounted" ] || return 0
  fsfreeze -u "$T/fs" 2>/dev/null
  umount -l "$T/fs"
}
agent --set "sluice.blksnap.copy_limit_ms=$LIMIT_MS"
sluice device add disk "$T/disk.img" || die "device add"

need_frozen() {
  [ "$(id -u)" -eq 0 ] || skip "needs root, to mount and to make loop devices"
  [ -e /dev/loop-control ] || skip "there is no /dev/loop-control"
  [ -n "$mounted" ] || skip "losetup fails here"
}

# Two snapshots: the older one's store is well, the newer one's hangs.
writes_go_on() {
  need_frozen
  cp "$T/disk.img" "$T/before.img"
  sluice snapshot take disk --store "dir:$T" --name well
  sluice snapshot take disk --store "dir:$T/fs" --limit 64M --name hung
  qemu-io -f raw -c 'write -P 1 0 64k' "$(uri disk)"
  fsfreeze -f "$T/fs"
  # More than the memory for copies has room for, so that writers must wait.
  local from=${EPOCHREALTIME/./}
  fio --name=load --ioengine=nbd --uri="$(uri disk)" --rw=randwrite --bs=64k --size=24M --offset=8M \
    --iodepth=8 --verify=crc32c --verify_fatal=1 --output="$T/fio.txt" --output-format=json ||
    { cat "$T/fio.txt"; return 1; }
  local elapsed_ms=$(((${EPOCHREALTIME/./} - from) / 1000))
  same 'errors of the client' 0 "$(json "$T/fio.txt" 'd["jobs"][0]["error"]')"
  local longest_ms
  longest_ms=$(json "$T/fio.txt" 'd["jobs"][0]["write"]["clat_ns"]["max"] // 1000000')
  figure "the longest write took $longest_ms ms of $LIMIT_MS allowed, the run $elapsed_ms ms"
  [ "$longest_ms" -ge $((LIMIT_MS / 2)) ] || { echo "no write has waited"; return 1; }
  # As generous as a loaded machine needs, and far from the file system's own patience, which has no end.
  [ "$longest_ms" -lt $((LIMIT_MS * 10)) ] || { echo "a write waited too long"; return 1; }
  same 'bios that failed' 0 "$(sluice --json stats disk >"$T/stats.json"; json "$T/stats.json" 'd[0]["error_count"]')"
  sluice snapshot wait-event hung --timeout 10000 | tee "$T/event"
  grep -q 'corrupted' "$T/event"
  grep -q 'ETIMEDOUT' "$T/event"
}

older_snapshot_is_right() {
  need_frozen
  nbdcopy "$(uri disk@well)" "$T/copy.raw"
  cmp "$T/before.img" "$T/copy.raw"
}

# Nobody has to wait for the store to come back.
hung_snapshot_is_destroyed() {
  need_frozen
  timeout 10 sluice snapshot destroy hung
  sluice snapshot destroy well
  qemu-io -f raw -c 'write -P 2 0 1M' "$(uri disk)"
  fsfreeze -u "$T/fs"
  until_true 20 no_store_left
}
no_store_left() { ! ls -l "/proc/$(agent_pid "$RUN")/fd" | grep -q "$T/fs"; }

works_again() {
  need_frozen
  cp "$T/disk.img" "$T/before.img"
  sluice snapshot take disk --store "dir:$T/fs" --limit 64M --name again
  qemu-io -f raw -c 'write -P 3 0 8M' "$(uri disk)"
  nbdcopy "$(uri disk@again)" "$T/copy.raw"
  cmp "$T/before.img" "$T/copy.raw"
  sluice snapshot destroy again
}

check writes-go-on writes_go_on
check older-snapshot-is-right older_snapshot_is_right
check hung-snapshot-is-destroyed hung_snapshot_is_destroyed
check works-again works_again
