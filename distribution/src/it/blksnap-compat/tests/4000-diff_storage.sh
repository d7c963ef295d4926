#!/usr/bin/env bash
# A disk that is there already, given as the argument or made here, with difference storage in memory.
. "${BASH_SOURCE%/*}/../common.sh"
load
if [ $# -gt 0 ]; then LOOP=$1; else disk disk 128; fi
mkfs.ext4 -q "$LOOP"
at=$WORK/original
mounted rw "$LOOP" "$at"
write_files "$at" before 8 1024
before=$(cd "$at" && md5sum before.d*)
snapshot /dev/shm 512M "$LOOP"
for ((i = 0; i < 8; i++)); do
  dd if=/dev/urandom of="$at/before.d$i" bs=256K count=4 oflag=direct conv=notrunc status=none
done
write_files "$at" after 20 1024
mounted ro "$(image "$LOOP")" "$WORK/image"
[ "$(cd "$WORK/image" && md5sum before.d*)" = "$before" ] || fail "the image is not as the disk was"
umount "$WORK/image"
blksnap snapshot_destroy --id="$ID"
blksnap detach --device="$LOOP"
