#!/usr/bin/env bash
# A snapshot is destroyed while its image is mounted, and the disk and the image are read and written: what
# works on the image gets errors, what works on the disk goes on, and nothing hangs.
. "${BASH_SOURCE%/*}/../common.sh"
load
disk disk 128
mkfs.ext4 -q "$LOOP"
at=$WORK/original
copy=$WORK/image
mounted rw "$LOOP" "$at"
write_files "$at" before 4 2048
truncate -s $((600 * MIB)) "$WORK/storage" # more than half of the first portion: taken as it is, whatever the limit
snapshot "$WORK/storage" 128M "$LOOP"
image=$(image "$LOOP")
mounted rw "$image" "$copy"
(while [ ! -e "$WORK/stop" ]; do dd if=/dev/urandom of="$at/busy" bs=64K count=32 oflag=direct status=none; done) &
writer=$!
(while dd if=/dev/urandom of="$copy/busy" bs=64K count=32 oflag=direct; do :; done) >/dev/null 2>&1 &
image_writer=$!
(while dd if="$image" of=/dev/null bs=64K iflag=direct; do :; done) >/dev/null 2>&1 &
reader=$!
until [ -s "$copy/busy" ] && [ -s "$at/busy" ]; do
  kill -0 "$writer" && kill -0 "$image_writer" || fail "a writer ended by itself"
  sleep 0.05
done
timeout 20 blksnap snapshot_destroy --id="$ID" || fail "the destruction failed, or hung"
for process in "$image_writer" "$reader"; do
  for ((i = 0; i < 200; i++)); do kill -0 "$process" 2>/dev/null || break; sleep 0.1; done
  if kill -0 "$process" 2>/dev/null; then fail "somebody works on the image after its end"; fi
done
kill -0 "$writer" || fail "the writer on the disk ended"
touch "$WORK/stop"
wait "$writer" || fail "the writer on the disk failed"
timeout 20 umount "$copy" || fail "the image can't be unmounted"
check_files "$at"
blksnap detach --device="$LOOP"
umount "$at"
e2fsck -fn "$LOOP" >/dev/null || fail "the file system is damaged"
