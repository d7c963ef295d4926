#!/usr/bin/env bash
# Raw writes to the disk and to its image, across the borders of chunks; each reads back as written.
. "${BASH_SOURCE%/*}/../common.sh"
load
disk disk 32
dd if=/dev/urandom of="$LOOP" bs=1M count=32 oflag=direct status=none
mkdir "$WORK/storage"
snapshot "$WORK/storage" 128M "$LOOP"
image=$(image "$LOOP")
head -c "$MIB" /dev/urandom >"$WORK/data"
# At 0 of the disk; at 126 KiB of the image, and 2 and 4 MiB behind that.
dd if="$WORK/data" of="$LOOP" bs=1M oflag=direct conv=notrunc status=none
for at in 126 $((2048 + 126)) $((4096 + 126)); do
  dd if="$WORK/data" of="$image" bs=2K seek=$((at / 2)) oflag=direct conv=notrunc status=none
done
dd if="$LOOP" bs=1M count=1 iflag=direct status=none | cmp - "$WORK/data" || fail "the disk at 0"
for at in 126 $((2048 + 126)) $((4096 + 126)); do
  dd if="$image" bs=2K skip=$((at / 2)) count=512 iflag=direct status=none | cmp - "$WORK/data" || fail "the image at $at KiB"
done
blksnap snapshot_destroy --id="$ID"
