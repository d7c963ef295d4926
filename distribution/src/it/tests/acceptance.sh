#!/usr/bin/env bash
# blksnap's acceptance cases that need a kernel's file systems and loop devices: see
# snapshot-bundle/ACCEPTANCE.md. Live devices and images are files of nbdfuse, mounted through loop devices.
. "${BASH_SOURCE%/*}/../lib.sh"

agent

need_mounts() {
  [ "$(id -u)" -eq 0 ] || skip "needs root, to mount and to make loop devices"
  [ -c /dev/fuse ] || skip "no /dev/fuse"
  [ -e /dev/loop-control ] || skip "there is no /dev/loop-control"
}
need_loops() {
  [ "$(id -u)" -eq 0 ] || skip "needs root, to mount and to make loop devices"
  [ -e /dev/loop-control ] || skip "there is no /dev/loop-control"
}

# What a case that failed has left; each of them starts with nothing.
let_go() {
  local at loop
  # An nbdfuse that died leaves a directory that can't even be looked at.
  for at in "$T"/mnt.* "$T"/fuse.*; do umount "$at" || umount -l "$at" || true; done
  rmdir "$T"/mnt.* "$T"/fuse.* || true
  sluice snapshot destroy s || true
  sluice device remove part || true
  sluice filter detach disk blksnap || true
  sluice device remove disk || true
  for loop in $(losetup --list --noheadings --output NAME,BACK-FILE | awk -v t="$T/" 'index($2, t) == 1 { print $1 }'); do
    delpart "$loop" 1 || true
    losetup -d "$loop" || true
  done
} 2>/dev/null
on_exit let_go

# mounted EXPORT [OPTION]: mounts an export on $T/mnt.EXPORT.
mounted() {
  local export=$1 fuse=$T/fuse.$1
  mkdir -p "$fuse" "$T/mnt.$export"
  nbdfuse "$fuse" "$(uri "$export")" &
  until_true 20 test -f "$fuse/nbd"
  mount -o "loop${2:+,$2}" "$fuse/nbd" "$T/mnt.$export"
}
unmounted() {
  umount "$T/mnt.$1"
  until_true 20 umount "$T/fuse.$1"
}
# disk_of TYPE SIZE: a tracked device with a file system.
disk_of() {
  rm -f "$T/disk.img"
  truncate -s "$2" "$T/disk.img"
  "mkfs.$1" -q "$T/disk.img"
  sluice device add disk "$T/disk.img"
  sluice filter attach disk blksnap
}
fill() { local i; for i in $(seq 10); do head -c $MIB /dev/urandom >"$1/$2-$i"; done; }
sums() { (cd "$1" && sha256sum "$2"-*); }
check_sums() { (cd "$1" && sha256sum --quiet -c "$2"); }

case24_partition() {
  need_loops
  trap let_go EXIT
  truncate -s 32M "$T/disk.img"
  printf 'start=2048, size=32768\n' | sfdisk -q "$T/disk.img"
  local loop
  loop=$(losetup --find --show --partscan "$T/disk.img") || skip "losetup fails here"
  [ -b "${loop}p1" ] || addpart "$loop" 1 2048 32768
  [ -b "${loop}p1" ] || skip "the kernel made no partition of the loop device"
  sluice device add disk "$loop"
  sluice filter attach disk blksnap
  # A write by way of the partition would not be marked, so there is no such way.
  refused EBUSY sluice device add part "${loop}p1"
  refused 'in use' mkfs.ext4 -q -F "${loop}p1"
}

# The file system is written through the cache and frozen by its owner; so the image is of a whole one.
case33_frozen() {
  need_mounts
  trap let_go EXIT
  disk_of ext4 64M
  mounted disk
  fill "$T/mnt.disk" file
  sums "$T/mnt.disk" file >"$T/sums"
  fsfreeze -f "$T/mnt.disk"
  sluice snapshot take disk --store "dir:$T" --name s || { fsfreeze -u "$T/mnt.disk"; return 1; }
  fsfreeze -u "$T/mnt.disk"
  rm "$T/mnt.disk"/file-*
  fill "$T/mnt.disk" later
  sync -f "$T/mnt.disk"
  mounted disk@s ro,norecovery
  check_sums "$T/mnt.disk@s" "$T/sums"
  [ ! -e "$T/mnt.disk@s/later-1" ]
  unmounted disk@s
  sluice snapshot destroy s
  unmounted disk
}

case36_destroy() {
  need_mounts
  trap let_go EXIT
  disk_of ext4 64M
  mounted disk
  fill "$T/mnt.disk" file
  sync -f "$T/mnt.disk"
  sluice snapshot take disk --store "dir:$T" --name s
  mounted disk@s
  touch "$T/busy"
  (while [ -e "$T/busy" ]; do fill "$T/mnt.disk" busy; sync -f "$T/mnt.disk"; done) &
  local origin=$!
  (while [ -e "$T/busy" ]; do fill "$T/mnt.disk@s" busy && sync -f "$T/mnt.disk@s"; done) >/dev/null 2>&1 &
  local image=$!
  until_true 60 test -e "$T/mnt.disk/busy-10" -a -e "$T/mnt.disk@s/busy-2"
  local from=$SECONDS
  timeout 60 "$SLUICE_HOME/bin/sluice" snapshot destroy s
  figure "destroy under dd on both: $((SECONDS - from)) s"
  # nbdfuse hands the error on, or ends of it.
  refused 'error\|not connected' dd if="$T/fuse.disk@s/nbd" of=/dev/null bs=1M count=1 iflag=direct
  rm "$T/busy"
  wait "$origin"
  wait "$image" || true
  umount "$T/mnt.disk@s" || umount -l "$T/mnt.disk@s"
  umount "$T/fuse.disk@s" || umount -l "$T/fuse.disk@s"
  timeout 60 "$SLUICE_HOME/bin/sluice" filter detach disk blksnap
  sums "$T/mnt.disk" busy >"$T/sums"
  unmounted disk
  e2fsck -fn "$T/disk.img"
  mounted disk
  check_sums "$T/mnt.disk" "$T/sums"
  unmounted disk
}

# case55 TYPE SIZE [OPTION]: the original's test 6000, two rounds of it.
case55() {
  need_mounts
  command -v "mkfs.$1" >/dev/null || skip "no mkfs.$1"
  grep -qw "$1" /proc/filesystems || modprobe "$1" 2>/dev/null || skip "the kernel has no $1"
  trap let_go EXIT
  disk_of "$1" "$2"
  mounted disk
  local round
  for round in 1 2; do
    sync -f "$T/mnt.disk"
    fsfreeze -f "$T/mnt.disk"
    sluice snapshot take disk --store "dir:$T" --name s || { fsfreeze -u "$T/mnt.disk"; return 1; }
    fsfreeze -u "$T/mnt.disk"
    mounted disk@s "${3:-}"
    fill "$T/mnt.disk" "live$round" &
    local origin=$!
    fill "$T/mnt.disk@s" "image$round"
    wait "$origin"
    sums "$T/mnt.disk" "live$round" >"$T/live.sums"
    sums "$T/mnt.disk@s" "image$round" >"$T/image.sums"
    umount "$T/mnt.disk@s"
    umount "$T/mnt.disk"
    mount -o "loop${3:+,$3}" "$T/fuse.disk@s/nbd" "$T/mnt.disk@s"
    mount -o loop "$T/fuse.disk/nbd" "$T/mnt.disk"
    check_sums "$T/mnt.disk@s" "$T/image.sums"
    check_sums "$T/mnt.disk" "$T/live.sums"
    [ ! -e "$T/mnt.disk@s/live$round-1" ]
    [ ! -e "$T/mnt.disk/image$round-1" ]
    unmounted disk@s
    sluice snapshot destroy s
  done
  unmounted disk
}

case56_block_devices() {
  need_loops
  trap let_go EXIT
  random_file "$T/disk.img" 16
  sluice device add disk "$T/disk.img"
  truncate -s 32M "$T/store.img"
  local loop
  loop=$(losetup --find --show "$T/store.img") || skip "losetup fails here"
  cp "$T/disk.img" "$T/before.img"
  sluice snapshot take disk --store "blockdev:$loop" --name s
  qemu-io -f raw -c 'write -P 5 0 16M' "$(uri disk)"
  nbdcopy "$(uri disk@s)" "$T/copy.raw"
  cmp "$T/before.img" "$T/copy.raw"
  refused EBUSY sluice snapshot take disk --store "blockdev:$loop" --name other
  sluice snapshot destroy s
}

case72_names() {
  need_loops
  trap let_go EXIT
  random_file "$T/disk.img" 16
  sluice device add disk "$T/disk.img"
  blksnap attach -d disk
  blksnap cbtinfo -d disk >"$T/cbtinfo"
  grep -q generation_id "$T/cbtinfo"
  local loop number name
  loop=$(losetup --find --show "$T/disk.img") || skip "losetup fails here"
  number=$(lsblk -ndo MAJ:MIN "$loop" | tr -d ' ')
  ln -sf "$loop" "$T/link"
  for name in "$T/disk.img" "$loop" "/dev/block/$number" "$T/link"; do
    same "$name" "$(cat "$T/cbtinfo")" "$(blksnap cbtinfo -d "$name")"
  done
}

check case24-partition-of-a-tracked-disk case24_partition
check case33-frozen-file-system case33_frozen
check case36-destroy-while-mounted case36_destroy
check case55-ext4-on-an-image case55 ext4 64M
check case55-xfs-on-an-image case55 xfs 320M nouuid
check case56-block-devices case56_block_devices
check case72-loop-device-and-number case72_names
