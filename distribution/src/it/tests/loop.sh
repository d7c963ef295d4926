#!/usr/bin/env bash
# Loop devices on devices and images: made, used, refused and gone; every path that leads to a device; what
# is mounted on one is frozen for a take without being named; nothing of the agent's lies on itself.
. "${BASH_SOURCE%/*}/../lib.sh"

can_mount() {
  [ "$(id -u)" -eq 0 ] || skip "mounting needs root"
  [ -c /dev/fuse ] || skip "no /dev/fuse"
  [ -c /dev/loop-control ] || skip "no /dev/loop-control"
}

agent
mkdir "$T/mnt" "$T/copy"
unmount_all() {
  local at
  for at in "$T/copy" "$T/mnt"; do
    if mountpoint -q "$at"; then umount "$at" || umount -l "$at"; fi
  done
} 2>/dev/null
on_exit unmount_all

gone() { ! losetup "$1" 2>/dev/null; }

attaches_mounts_and_detaches() {
  can_mount
  truncate -s 64M "$T/disk.img"
  sluice device add disk "$T/disk.img"
  local loop
  loop=$(sluice export loop disk)
  echo "$loop" >"$T/loop"
  same 'size' "$((64 * MIB))" "$(blockdev --getsize64 "$loop")"
  same 'direct I/O' 1 "$(cat "/sys/block/${loop#/dev/}/loop/dio")"
  sluice export list | grep "^$loop *loop *disk"
  mkfs.ext4 -q "$loop"
  mount "$loop" "$T/mnt"
  cp "$IT_DIR/lib.sh" "$T/mnt/"
  refused "EBUSY.*mounted at $T/mnt" sluice export remove "$loop"
  refused "EBUSY.*held by loop device $loop, mounted at $T/mnt" sluice device remove disk
  refused ENOTSUP sluice export remove "$loop" --mode hard
  umount "$T/mnt"
  sluice export remove "$loop"
  gone "$loop"
  e2fsck -fn "$T/disk.img"
  debugfs -R 'cat lib.sh' "$T/disk.img" 2>/dev/null | cmp - "$IT_DIR/lib.sh"
}

sectors_and_read_only_are_the_devices() {
  can_mount
  truncate -s 8M "$T/large.img"
  sluice device add large "$T/large.img" --block-size 4096
  local loop
  loop=$(sluice export loop large)
  same 'sector' 4096 "$(blockdev --getss "$loop")"
  same 'writable' 0 "$(blockdev --getro "$loop")"
  # One that nobody uses does not keep the device from being removed.
  sluice device remove large
  gone "$loop"
  sluice device add large "$T/large.img" --read-only
  loop=$(sluice export loop large)
  same 'read-only' 1 "$(blockdev --getro "$loop")"
  sluice export remove "$loop"
  sluice device remove large
  refused ENODEV sluice export loop large
}

hidden_until_it_is_unmounted() {
  can_mount
  local loop
  loop=$(sluice export loop disk)
  mount "$loop" "$T/mnt"
  sluice export remove "$loop" --mode hide
  echo more >"$T/mnt/more"
  refused EBUSY sluice device remove disk
  umount "$T/mnt"
  until_true 10 gone "$loop"
  ! sluice export list | grep "$loop"
}

leads_to_disk() { same "$1" disk "$(sluice --json device info "$1" >"$T/info.json" && json "$T/info.json" 'd["name"]')"; }

every_path_leads_to_the_device() {
  can_mount
  local loop path
  loop=$(sluice export loop disk)
  ln "$T/disk.img" "$T/hard"
  ln -s "$T/disk.img" "$T/soft"
  ln -s "$RUN/dev/disk" "$T/soft-to-served"
  ln -s "$loop" "$T/soft-to-loop"
  for path in disk "$T/disk.img" "$T/hard" "$T/soft" "$RUN/dev/disk" "$RUN/fuse/dev/disk" "$T/soft-to-served" \
    "$loop" "$T/soft-to-loop" "/dev/block/$(stat -c '%Hr:%Lr' "$loop")"; do
    leads_to_disk "$path"
  done
  # A loop device that somebody made by hand on the served file, and one on that.
  local by_hand above
  by_hand=$(losetup -f --show "$RUN/dev/disk")
  above=$(losetup -f --show "$by_hand")
  leads_to_disk "$by_hand"
  leads_to_disk "$above"
  losetup -d "$above" "$by_hand"
  refused ENODEV sluice device info "$RUN/dev/nothing"
  sluice export remove "$loop"
}

case33_found() {
  can_mount
  local loop
  loop=$(sluice export loop disk)
  mount "$loop" "$T/mnt"
  sync -f "$T/mnt"
  head -c 300000 /dev/urandom >"$T/mnt/unsynced"
  sha256sum <"$T/mnt/unsynced" >"$T/sum"
  sluice snapshot take disk --store "dir:$T" --name found
  same 'frozen' "[['$T/mnt', '']]" "$(sluice --json snapshot info found >"$T/info.json"; json "$T/info.json" '[[f["mount_point"], f["warning"]] for f in d["freezes"]]')"
  json "$T/info.json" 'd["freezes"][0]["frozen_nanos"] > 0' | grep True
  rm "$T/mnt/unsynced"
  mount -o ro "$(blksnap snapshot_info -d "$loop" --field image)" "$T/copy"
  sha256sum <"$T/copy/unsynced" | cmp - "$T/sum"
  umount "$T/copy"
  sluice snapshot destroy found
  # Named and found it is frozen once; with --no-freeze not at all.
  sluice snapshot take disk --store "dir:$T" --name found --freeze "$T/mnt"
  same 'named' 1 "$(sluice --json snapshot info found >"$T/info.json"; json "$T/info.json" 'len(d["freezes"])')"
  sluice snapshot destroy found
  sluice snapshot take disk --store "dir:$T" --name found --no-freeze
  same 'none' '[]' "$(sluice --json snapshot info found >"$T/info.json"; json "$T/info.json" 'd["freezes"]')"
  sluice snapshot destroy found
  timeout 20 touch "$T/mnt/goes-on"
}

nothing_lies_on_itself() {
  can_mount
  mountpoint -q "$T/mnt" || skip "the file system of the case before is not mounted"
  local loop spare
  loop=$(findmnt -no SOURCE "$T/mnt")
  truncate -s 8M "$T/spare.img" "$T/mnt/origin.img"
  sluice device add spare "$T/spare.img"
  spare=$(sluice export loop spare)
  refused 'EINVAL.*itself serves' sluice snapshot create disk --store "dir:$T/mnt"
  refused 'EINVAL.*itself serves' sluice snapshot create disk --store "file:$T/mnt/store"
  [ ! -e "$T/mnt/store" ]
  refused 'EINVAL.*itself serves' sluice snapshot create disk --store "blockdev:$spare"
  refused 'EINVAL.*itself serves' sluice snapshot create spare --store "dir:$T/mnt"
  refused 'EINVAL.*itself serves' sluice device add nested "$T/mnt/origin.img"
  refused 'EINVAL.*itself serves' sluice device add nested "$spare"
  refused 'EINVAL.*itself serves' sluice device add nested "$RUN/dev/spare"
  sluice device remove spare
  same 'snapshots' '[]' "$(sluice --json snapshot list | tr -d ' \n')"
  figure "$(awk '$1 == "VmLck:" { print int($2 / 1024) }' "/proc/$(agent_pid "$RUN")/status") MiB of the agent's address space are locked"
  [ "$(awk '$1 == "VmLck:" { print $2 }' "/proc/$(agent_pid "$RUN")/status")" -gt 0 ]
}

stops_under_a_mount() {
  can_mount
  mountpoint -q "$T/mnt" || skip "the file system of the case before is not mounted"
  sync -f "$T/mnt"
  local loop
  loop=$(findmnt -no SOURCE "$T/mnt")
  timeout 60 "$SLUICE_HOME/bin/sluice" shutdown
  until_true 30 not_running
  timeout 20 umount "$T/mnt"
  until_true 10 gone "$loop"
  ! grep "$RUN" /proc/mounts
  e2fsck -fp "$T/disk.img" || [ $? -eq 1 ]
  e2fsck -fn "$T/disk.img"
}
not_running() { ! agent_pid "$RUN" >/dev/null; }

check attaches-mounts-and-detaches attaches_mounts_and_detaches
check sectors-and-read-only sectors_and_read_only_are_the_devices
check hidden-until-unmounted hidden_until_it_is_unmounted
check case72-every-path-leads-to-the-device every_path_leads_to_the_device
check case33-found-by-itself case33_found
check nothing-lies-on-itself nothing_lies_on_itself
check stops-under-a-mount stops_under_a_mount
