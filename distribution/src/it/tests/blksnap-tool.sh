#!/usr/bin/env bash
# The tool blksnap, as its users drive it.
. "${BASH_SOURCE%/*}/../lib.sh"

random_file "$T/disk.img" 16
random_file "$T/second.img" 16
agent
sluice device add disk "$T/disk.img" || die "device add"
sluice device add second "$T/second.img" || die "device add"

version() { blksnap version | grep -Ex '[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+'; }
attach() {
  same 'first time' 'Attached successfully' "$(blksnap attach --device="$T/disk.img")"
  same 'second time' 'Already was attached' "$(blksnap attach -d "$T/disk.img")"
}
cbtinfo() {
  blksnap cbtinfo -d "$T/disk.img" | tee "$T/cbt"
  grep -qx 'block_size=65536' "$T/cbt"
  grep -qx "device_capacity=$((16 * MIB))" "$T/cbt"
  grep -qx 'block_count=256' "$T/cbt"
  grep -Eqx 'generation_id=[0-9a-f-]{36}' "$T/cbt"
  grep -qx 'changes_number=0' "$T/cbt"
}
flow() {
  cp "$T/disk.img" "$T/before.img"
  qemu-io -f raw -c 'write -P 1 320k 64k' -c flush "$(uri disk)"
  cp "$T/disk.img" "$T/taken.img"
  local id image
  id=$(blksnap snapshot_create -d "$T/disk.img" "$T/second.img" -f "$T" -l 128M | head -n 1)
  echo "$id" | grep -Ex '[0-9a-f-]{36}'
  same 'take says' '' "$(blksnap snapshot_take --id="$id")"
  same 'collect' "$id " "$(blksnap snapshot_collect | head -n 1)"
  qemu-io -f raw -c 'write -P 2 0 4M' -c flush "$(uri disk)"
  blksnap snapshot_info -d "$T/disk.img" | tee "$T/info"
  grep -qx 'error_code=0' "$T/info"
  image=$(blksnap snapshot_info -d "$T/disk.img" --field image)
  [ -n "$image" ]
  same 'image= line' "image=$image" "$(grep '^image=' "$T/info")"
  nbdcopy "$(uri "disk@$id")" "$T/copy.raw"
  cmp "$T/taken.img" "$T/copy.raw"
  blksnap readcbtmap -d "$T/disk.img" -f "$T/map"
  same 'map length' 256 "$(stat -c %s "$T/map")"
  same 'block 5 in the map' 1 "$(od -A n -t u1 -j 5 -N 1 "$T/map" | tr -d ' ')"
  same 'block 6 in the map' 0 "$(od -A n -t u1 -j 6 -N 1 "$T/map" | tr -d ' ')"
  blksnap markdirtyblock -d "$T/disk.img" -r 2048:8
  blksnap readcbtmap -d "$T/disk.img" -f "$T/map"
  same 'block 16 in the map' 1 "$(od -A n -t u1 -j 16 -N 1 "$T/map" | tr -d ' ')"
  blksnap snapshot_waitevent -i "$id" -t 200 | tee "$T/event"
  grep -qx 'result=timeout' "$T/event"
  same 'destroy says' '' "$(blksnap snapshot_destroy -i "$id")"
  same 'collect afterwards' '' "$(blksnap snapshot_collect | tr -d '\n ')"
  same 'detach says' '' "$(blksnap detach -d "$T/disk.img")"
}
overflow_is_an_event() {
  local id
  blksnap attach -d "$T/disk.img"
  id=$(blksnap snapshot_create -d "$T/disk.img" -f "$T" -l 1M | head -n 1)
  blksnap snapshot_take -i "$id"
  blksnap snapshot_watcher -i "$id" >"$T/watched" &
  local watcher=$!
  qemu-io -f raw -c 'write -P 5 0 16M' -c flush "$(uri disk)"
  timeout 30 tail --pid="$watcher" -s 0.1 -f /dev/null
  cat "$T/watched"
  grep -qi corrupted "$T/watched"
  grep -q 'Snapshot watcher finished' "$T/watched"
  same 'error_code' -28 "$(blksnap snapshot_info -d "$T/disk.img" --field error_code)"
  blksnap snapshot_destroy -i "$id"
  blksnap detach -d "$T/disk.img"
}
errors() {
  refused '' blksnap cbtinfo
  grep -q "Argument 'device' is missed" "$T/refused.err"
  refused 'Command is not set' blksnap nonsense
  refused 'EINVAL' blksnap snapshot_take -i malformed
  refused '' blksnap snapshot_take -i b2f7b1a6-3f77-4b1c-9c1b-000000000000
  refused '' blksnap cbtinfo -d "$T/not-there.img"
}

# Each path that leads to the device means the same tracker.
any_path() {
  [ "$(id -u)" -eq 0 ] || skip "needs root, to mount and to make loop devices"
  [ -e /dev/loop-control ] || skip "there is no /dev/loop-control"
  local loop path
  loop=$(losetup --find --show --read-only "$T/disk.img") || skip "losetup fails here"
  # shellcheck disable=SC2064  # the function's variable is gone when it runs
  trap "losetup --detach $loop" EXIT
  blksnap attach -d "$T/disk.img"
  ln -sf "$T/disk.img" "$T/link"
  ln -sf "$loop" "$T/loop-link"
  blksnap cbtinfo -d "$T/disk.img" >"$T/expected"
  for path in disk "$T/link" "$loop" "$T/loop-link" "/dev/block/$(lsblk -ndo MAJ:MIN "$loop" | tr -d ' ')"; do
    same "attach $path" 'Already was attached' "$(blksnap attach -d "$path")"
    blksnap cbtinfo -d "$path" | cmp - "$T/expected"
  done
  blksnap detach -d "$loop"
}
# The blocks of a file on the device's file system, as the kernel tells them; each must hold the file's bytes.
file_blocks() {
  [ "$(id -u)" -eq 0 ] || skip "needs root, to mount and to make loop devices"
  [ -e /dev/loop-control ] || skip "there is no /dev/loop-control"
  mkdir -p "$T/mnt" "$T/tree"
  head -c 300000 /dev/urandom >"$T/tree/file"
  truncate -s 64M "$T/fs.img"
  mkfs.ext4 -q -F -d "$T/tree" "$T/fs.img"
  mount -o ro,noload,loop "$T/fs.img" "$T/mnt" || skip "mounting is not allowed here"
  trap 'umount "$T/mnt"; sluice device remove fs || true' EXIT
  sluice device add fs "$T/fs.img"
  refused 'Failed to open block device' blksnap markdirtyblock --file "$0"
  refused 'No such file or directory' blksnap markdirtyblock --file "$T/mnt/fil"
  refused 'ENOENT' blksnap markdirtyblock --file "$T/mnt/file"
  blksnap attach -d "$T/fs.img"
  id=$(blksnap snapshot_create -d "$T/fs.img" -f "$T" -l 128M)
  blksnap snapshot_take -i "$id"
  (cd "$T/mnt" && blksnap markdirtyblock --file=file) | tee "$T/marked"
  head -n 1 "$T/marked" | grep -Ex "device path: '/dev/block/[0-9]+:[0-9]+'"
  [ -z "$(tail -n +2 "$T/marked" | grep -Evx 'allocate range: ofs=[0-9]+ cnt=[0-9]+')" ]
  tail -n +2 "$T/marked" | sed 's/.*ofs=\([0-9]*\) cnt=\([0-9]*\)/\1 \2/' | while read -r first count; do
    dd if="$T/fs.img" bs=512 skip="$first" count="$count" status=none
  done | head -c 300000 | cmp - "$T/tree/file"
  blksnap readcbtmap -d "$T/fs.img" -f "$T/map"
  tail -n +2 "$T/marked" | sed 's/.*ofs=\([0-9]*\) cnt=\([0-9]*\)/\1 \2/' | while read -r first count; do
    for ((block = first / 128; block <= (first + count - 1) / 128; block++)); do echo "$block"; done
  done | sort -n -u >"$T/blocks.expected"
  od -A d -v -t u1 -w1 "$T/map" | awk 'NF == 2 && $2 > 0 { print $1 + 0 }' | cmp - "$T/blocks.expected"
  blksnap snapshot_destroy -i "$id"
  blksnap detach -d "$T/fs.img"
}

check version version
check attach attach
check cbtinfo cbtinfo
check flow flow
check any-path any_path
check file-blocks file_blocks
check overflow-is-an-event overflow_is_an_event
check errors errors
