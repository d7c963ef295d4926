#!/usr/bin/env bash
# The change map that is read under a snapshot stands still, whatever is written; but what is marked by
# hand shows at once.
. "${BASH_SOURCE%/*}/../common.sh"
load
disk disk 96
mkfs.ext4 -q "$LOOP"
at=$WORK/original
mounted rw "$LOOP" "$at"
write_files "$at" first 3 512
blksnap attach --device="$LOOP" >/dev/null
map() { blksnap readcbtmap --device="$LOOP" --file="$WORK/$1"; }
mkdir "$WORK/storage"
for round in 1 2 3; do
  snapshot "$WORK/storage" 256M "$LOOP"
  [ "$(blksnap cbtinfo --device="$LOOP" | sed -n 's/^changes_number=//p')" = "$round" ] || fail "the number of take $round"
  map before
  write_files "$at" "round$round" 4 256
  map after
  cmp "$WORK/before" "$WORK/after" || fail "the map changed under snapshot $round"
  [ "$round" -eq 1 ] || ! cmp -s "$WORK/before" "$WORK/previous" || fail "the map of snapshot $round lacks the writes before it"
  cp "$WORK/after" "$WORK/previous"
  blksnap snapshot_destroy --id="$ID"
done
snapshot "$WORK/storage" 256M "$LOOP"
map before
sync -f "$at"
blksnap markdirtyblock --file="$at/first.d0" >"$WORK/marked"
grep -q '^device path: ' "$WORK/marked"
map after
! cmp -s "$WORK/before" "$WORK/after" || fail "what was marked by hand does not show"
blksnap snapshot_destroy --id="$ID"
check_files "$at"
