#!/usr/bin/env bash
# Takes that freeze the file systems on their devices: what was written to files just before, and never
# synced, is in the image; and nothing stays frozen. nbdfuse presents the
# live export as a file, the kernel mounts that through a loop device. Needs root and /dev/fuse.
. "${BASH_SOURCE%/*}/../lib.sh"

can_mount() {
  [ "$(id -u)" -eq 0 ] || skip "mounting needs root"
  [ -c /dev/fuse ] || skip "no /dev/fuse"
  [ -c /dev/loop-control ] || skip "no /dev/loop-control"
}

DEVICES=(ext xfs)
agent
mkdir "$T/backup" "$T/home"
unmount_all() {
  local device
  for device in "${DEVICES[@]}"; do [ ! -f "$T/$device.pid" ] || kill -CONT "$(cat "$T/$device.pid")"; done
  for at in "$T/backup" "${DEVICES[@]/#/$T/mnt.}" "${DEVICES[@]/#/$T/fuse.}"; do
    if mountpoint -q "$at"; then umount "$at" || umount -l "$at"; fi
  done
} 2>/dev/null
on_exit unmount_all

# set_up DEVICE MEBIBYTES MKFS...: a device with a file system, mounted at $T/mnt.DEVICE.
set_up() {
  local device=$1 image=$T/$1.img
  truncate -s $(($2 * MIB)) "$image"
  shift 2
  "$@" "$image"
  sluice device add "$device" "$image"
  sluice filter attach "$device" blksnap
  sluice filter attach "$device" fault --altitude 1
  mkdir "$T/fuse.$device" "$T/mnt.$device"
  nbdfuse -P "$T/$device.pid" "$T/fuse.$device" "$(uri "$device")" &
  until_true 20 test -f "$T/fuse.$device/nbd"
  mount -o loop "$T/fuse.$device/nbd" "$T/mnt.$device"
}

fill() {
  mkdir -p "$1"
  local size
  for size in 1 511 4096 70000 3000000; do head -c "$size" /dev/urandom >"$1/file-$size"; done
}
checksums() { (cd "$1" && find "$2" -type f -print0 | sort -z | xargs -0 sha256sum); }
writes_go_on() { timeout 20 dd if=/dev/zero of="$1/goes-on" bs=64k count=4 conv=fsync status=none; }

# has_all DEVICE MOUNT-OPTIONS: what a copy of the image must have after a take that froze.
has_all() {
  local device=$1
  mount -o "loop,$2" "$T/backup.raw" "$T/backup"
  (cd "$T/backup" && sha256sum --quiet -c "$T/$device.sums")
  [ ! -e "$T/backup/after" ]
  umount "$T/backup"
}

unsynced_writes_are_in_the_images() {
  can_mount
  set_up ext 64 mkfs.ext4 -q
  set_up xfs 320 mkfs.xfs -q
  local device
  for device in "${DEVICES[@]}"; do
    fill "$T/mnt.$device/old"
    sync -f "$T/mnt.$device"
    rm "$T/mnt.$device/old/file-511"
    fill "$T/mnt.$device/new"
    checksums "$T/mnt.$device" . >"$T/$device.sums"
  done
  sluice snapshot take "${DEVICES[@]}" --store "dir:$T" --name frozen \
    --freeze "$T/mnt.ext" --freeze "$T/mnt.xfs"
  for device in "${DEVICES[@]}"; do
    writes_go_on "$T/mnt.$device"
    fill "$T/mnt.$device/after"
    rm -r "$T/mnt.$device/old"
    sync -f "$T/mnt.$device"
  done
  sluice --json snapshot info frozen >"$T/info.json"
  json "$T/info.json" 'd["freezes"]'
  same 'warnings' "['', '']" "$(json "$T/info.json" '[f["warning"] for f in d["freezes"]]')"
  figure "frozen for $(json "$T/info.json" '" and ".join("%d ms" % (f["frozen_nanos"] // 10**6) for f in d["freezes"])')," \
    "held for $(json "$T/info.json" 'd["hold_nanos"] // 1000') us"
  # Clean as it is, without its journal.
  nbdcopy "$(uri ext@frozen)" "$T/backup.raw"
  e2fsck -fn "$T/backup.raw"
  has_all ext ro,noload
  # xfs keeps a record in its log on purpose when it freezes, so that a mount looks for deleted files.
  nbdcopy "$(uri xfs@frozen)" "$T/backup.raw"
  has_all xfs nouuid
  xfs_repair -n -f "$T/backup.raw"
  sluice snapshot destroy frozen
}

mounted() {
  can_mount
  mountpoint -q "$T/mnt.ext" || skip "the file system of the case before is not mounted"
}

# A request that the storage never answers: the device does not drain, and the take fails.
thawed_when_the_take_fails() {
  mounted
  sluice snapshot create ext --store "dir:$T" --name failing
  waiting() { sluice --json filter ctl ext fault list >"$T/list.json" && [ "$(json "$T/list.json" 'd["rules"][0]["waiting"]')" -eq 1 ]; }
  sluice filter ctl ext fault add hang op=read range=60M+4K
  qemu-io -r -f raw -c 'read 60M 4k' "$(uri ext)" >"$T/io" 2>&1 &
  local reader=$!
  until_true 30 waiting
  fill "$T/mnt.ext/failing"
  refused EAGAIN sluice snapshot take failing --freeze "$T/mnt.ext"
  sluice filter ctl ext fault release
  wait "$reader"
  sluice filter ctl ext fault clear
  writes_go_on "$T/mnt.ext"
  # Nothing is left of the failure: the same snapshot can be taken, and then once.
  sluice snapshot take failing --freeze "$T/mnt.ext"
  refused EALREADY sluice snapshot take failing --freeze "$T/mnt.ext"
  writes_go_on "$T/mnt.ext"
  same warning '' "$(sluice --json snapshot info failing >"$T/info.json"; json "$T/info.json" 'd["freezes"][0]["warning"]')"
  sluice snapshot destroy failing
}

# Whoever presents the device to the file system stops, so the freeze can't write, and hangs.
a_freeze_that_hangs() {
  mounted
  sluice snapshot create ext --store "dir:$T" --name hung
  fill "$T/mnt.ext/hanging"
  kill -STOP "$(cat "$T/ext.pid")"
  local from=$SECONDS
  timeout 60 sluice snapshot take hung --freeze "$T/mnt.ext"
  figure "a take whose freeze hangs took $((SECONDS - from)) s"
  sluice snapshot info hung | tee "$T/info"
  grep -q 'not frozen in time' "$T/info"
  grep -q 'not frozen in time' "$RUN/sluiced.log"
  kill -CONT "$(cat "$T/ext.pid")"
  writes_go_on "$T/mnt.ext"
  sluice snapshot destroy hung
  # And the next take freezes.
  sluice snapshot take ext --store "dir:$T" --name hung --freeze "$T/mnt.ext"
  same warning '' "$(sluice --json snapshot info hung >"$T/info.json"; json "$T/info.json" 'd["freezes"][0]["warning"]')"
  sluice snapshot destroy hung
}

# Frozen by somebody else: told, and left frozen, for it is not ours to thaw.
frozen_already() {
  mounted
  fsfreeze -f "$T/mnt.ext"
  sluice snapshot take ext --store "dir:$T" --name twice --freeze "$T/mnt.ext" || { fsfreeze -u "$T/mnt.ext"; return 1; }
  fsfreeze -u "$T/mnt.ext"
  sluice snapshot info twice | tee "$T/info"
  grep -q 'EBUSY' "$T/info"
  writes_go_on "$T/mnt.ext"
  sluice snapshot destroy twice
}

bad_mount_points() {
  can_mount
  truncate -s 1M "$T/small.img"
  sluice device add small "$T/small.img"
  local take=(sluice snapshot take small --store tmpfs:4M)
  refused ENOENT "${take[@]}" --freeze "$T/missing"
  refused EINVAL "${take[@]}" --freeze "$T/home"
  refused EBUSY "${take[@]}" --freeze /
  same 'snapshots left' '[]' "$(sluice --json snapshot list | tr -d ' \n')"
  # A kind that can't be frozen does not keep the take from being done.
  mount -t tmpfs -o size=1M tmpfs "$T/home" || skip "no tmpfs can be mounted"
  trap 'umount -l "$T/home"' EXIT
  "${take[@]}" --freeze "$T/home" --name warned
  sluice snapshot info warned | tee "$T/info"
  grep -q 'not frozen, only written out' "$T/info"
}

check case33-unsynced-writes-are-in-the-images unsynced_writes_are_in_the_images
check case33-thawed-when-the-take-fails thawed_when_the_take_fails
check case33-a-freeze-that-hangs a_freeze_that_hangs
check frozen-already frozen_already
check bad-mount-points bad_mount_points
