#!/usr/bin/env bash
# A file system that is mounted and written while its device is snapshotted: nbdfuse presents the live
# export as a file, the kernel mounts that through a loop device. Needs root and /dev/fuse.
. "${BASH_SOURCE%/*}/../lib.sh"

can_mount() {
  [ "$(id -u)" -eq 0 ] || skip "mounting needs root"
  [ -c /dev/fuse ] || skip "no /dev/fuse"
  [ -c /dev/loop-control ] || skip "no /dev/loop-control"
}

agent
truncate -s $((128 * MIB)) "$T/disk.img"
mkfs.ext4 -q "$T/disk.img" || die "mkfs.ext4"
sluice device add disk "$T/disk.img" || die "device add"
sluice filter attach disk blksnap || die "filter attach"
mkdir "$T/fuse" "$T/mnt" "$T/backup"

unmount_all() {
  for at in "$T/backup" "$T/mnt"; do
    if mountpoint -q "$at"; then umount "$at" || umount -l "$at"; fi
  done
  if mountpoint -q "$T/fuse"; then umount "$T/fuse" || umount -l "$T/fuse"; fi
}
on_exit unmount_all

mount_live() {
  nbdfuse "$T/fuse" "$(uri disk)" &
  until_true 20 test -f "$T/fuse/nbd"
  mount -o loop "$T/fuse/nbd" "$T/mnt"
}

# fill DIR NAME: files of many sizes, and their checksums beside the file system.
fill() {
  mkdir -p "$1/$2"
  cp -r "$SLUICE_ROOT/filter-api/src/main/java" "$1/$2/"
  local size
  for size in 1 511 4096 70000 3000000; do head -c "$size" /dev/urandom >"$1/$2/file-$size"; done
}
checksums() { (cd "$1" && find . -type f -path "$2/*" -print0 | sort -z | xargs -0 sha256sum); }

frozen_take() {
  can_mount
  mount_live
  fill "$T/mnt" first
  fsfreeze -f "$T/mnt"
  sluice snapshot take disk --store "dir:$T" --name clean || { fsfreeze -u "$T/mnt"; return 1; }
  fsfreeze -u "$T/mnt"
  checksums "$T/mnt" ./first >"$T/first.sums"
  # The file system goes on: everything is changed or gone after the take.
  rm -r "$T/mnt/first/java"
  head -c 3000000 /dev/zero >"$T/mnt/first/file-3000000"
  fill "$T/mnt" second
  sync -f "$T/mnt"
  nbdcopy "$(uri disk@clean)" "$T/backup.raw"
  e2fsck -fn "$T/backup.raw"
  mount -o loop,ro "$T/backup.raw" "$T/backup"
  (cd "$T/backup" && sha256sum --quiet -c "$T/first.sums")
  [ ! -e "$T/backup/second" ]
  umount "$T/backup"
  sluice snapshot destroy clean
}

# Without a freeze the image is what a power cut leaves: the journal is replayed, and then all that was
# synced is there.
crash_consistent_take() {
  can_mount
  mountpoint -q "$T/mnt" || skip "the file system of the case before is not mounted"
  checksums "$T/mnt" ./second >"$T/second.sums"
  [ -s "$T/second.sums" ]
  (while [ ! -e "$T/enough" ]; do
    head -c 200000 /dev/urandom >"$T/mnt/busy-$((RANDOM % 50))"
    sync "$T/mnt"
  done) &
  local busy=$!
  sleep 0.5
  sluice snapshot take disk --store "dir:$T" --name crash
  sleep 0.5
  touch "$T/enough"
  wait "$busy"
  nbdcopy "$(uri disk@crash)" "$T/backup.raw"
  # 0: clean; 1: the journal was replayed. Anything else is damage.
  local status=0
  e2fsck -fp "$T/backup.raw" || status=$?
  [ "$status" -le 1 ]
  e2fsck -fn "$T/backup.raw"
  mount -o loop,ro "$T/backup.raw" "$T/backup"
  (cd "$T/backup" && sha256sum --quiet -c "$T/second.sums")
  umount "$T/backup"
  sluice snapshot destroy crash
}

# And the origin itself, once everybody has let go of it.
origin_is_clean() {
  can_mount
  checksums "$T/mnt" ./second >"$T/second.sums"
  unmount_all
  sluice filter detach disk blksnap
  sluice device remove disk
  e2fsck -fn "$T/disk.img"
  mount -o loop,ro "$T/disk.img" "$T/mnt"
  (cd "$T/mnt" && sha256sum --quiet -c "$T/second.sums")
  umount "$T/mnt"
}

check frozen-take frozen_take
check crash-consistent-take crash_consistent_take
check origin-is-clean origin_is_clean
