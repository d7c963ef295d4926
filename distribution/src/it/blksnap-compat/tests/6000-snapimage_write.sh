#!/usr/bin/env bash
# The disk and its image, both with XFS, are written at the same time; neither sees the other's files.
. "${BASH_SOURCE%/*}/../common.sh"
load
modprobe xfs 2>/dev/null || true
disk disk 320
mkfs.xfs -q "$LOOP"
at=$WORK/original
copy=$WORK/image
mounted rw "$LOOP" "$at"
mkdir "$WORK/storage"
for round in 1 2 3; do
  write_files "$at" "before$round" 2 512
  snapshot "$WORK/storage" 512M "$LOOP"
  mounted nouuid "$(image "$LOOP")" "$copy"
  write_files "$at" "original$round" 4 2560 &
  one=$!
  write_files "$copy" "image$round" 4 2560 &
  other=$!
  wait "$one"
  wait "$other"
  check_files "$at"
  check_files "$copy"
  [ ! -e "$at/image$round.d0" ] && [ ! -e "$copy/original$round.d0" ] || fail "the disk and its image are mixed up"
  umount "$copy" "$at"
  mounted rw "$LOOP" "$at"
  mounted nouuid "$(image "$LOOP")" "$copy"
  check_files "$at"
  check_files "$copy"
  umount "$copy"
  blksnap snapshot_destroy --id="$ID"
done
umount "$at"
xfs_repair -n "$LOOP" >/dev/null 2>&1 || fail "the file system is damaged"
