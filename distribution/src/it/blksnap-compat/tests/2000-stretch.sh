#!/usr/bin/env bash
# Difference storage that grows by portions of 32 MiB up to its limit, and overflows then: the image is
# right until that moment, and writes to the disk never fail.
. "${BASH_SOURCE%/*}/../common.sh"
load diff_storage_minimum=65536
disk disk 512
mkfs.ext4 -q "$LOOP"
at=$WORK/original
mounted rw "$LOOP" "$at"
# overwrite MEBIBYTES OFFSET: of the one large file, in its place.
overwrite() { dd if=/dev/urandom of="$at/large" bs=1M count="$1" seek="$2" oflag=direct conv=notrunc status=none; }
overwrite 230 0
write_files "$at" before 3 1024
md5sum <"$at/large" >"$WORK/large.md5"
truncate -s $((32 * MIB)) "$WORK/storage"
snapshot "$WORK/storage" 128M "$LOOP"
blksnap snapshot_watcher --id="$ID" >"$WORK/watched" &
watcher=$!
overwrite 25 0
mounted ro "$(image "$LOOP")" "$WORK/image"
check_files "$WORK/image"
[ "$(md5sum <"$WORK/image/large")" = "$(cat "$WORK/large.md5")" ] || fail "the image of the large file is wrong"
umount "$WORK/image"
[ "$(blksnap snapshot_info --device="$LOOP" --field error_code)" = 0 ] || fail "corrupted too early"
overwrite 200 25
for ((i = 0; i < 300; i++)); do kill -0 "$watcher" 2>/dev/null || break; sleep 0.1; done
if kill -0 "$watcher" 2>/dev/null; then fail "the watcher waits after the overflow"; fi
wait "$watcher" || fail "the watcher failed"
grep -q -i corrupted "$WORK/watched" || fail "the watcher did not tell of the overflow: $(cat "$WORK/watched")"
[ "$(stat -c %s "$WORK/storage")" -ge $((128 * MIB)) ] || fail "the storage did not grow"
[ "$(blksnap snapshot_info --device="$LOOP" --field error_code)" = -28 ] || fail "the error is not ENOSPC"
blksnap snapshot_destroy --id="$ID"
check_files "$at"
umount "$at"
e2fsck -fn "$LOOP" >/dev/null || fail "the file system is damaged"
