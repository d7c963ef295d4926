#!/usr/bin/env bash
# Devices and images as files: what real programs do with them, what they are refused, and how a mount
# ends, in order, under load and by a kill.
. "${BASH_SOURCE%/*}/../lib.sh"

[ -e /dev/fuse ] || { skipped "$TEST_NAME-all" 'there is no /dev/fuse'; exit 0; }
if [ "$(id -u)" -eq 0 ]; then mount_kind=mount; else mount_kind=fusermount3; fi

truncate -s $((64 * MIB)) "$T/disk.img"
truncate -s $((320 * MIB)) "$T/big.img"
agent
sluice device add disk "$T/disk.img" || die 'device add'
sluice device add big "$T/big.img" --block-size 4096 || die 'device add'
DISK=$RUN/dev/disk
BIG=$RUN/dev/big
sluice export list >"$T/exports" 2>&1
if ! grep -q '^disk *fuse ' "$T/exports"; then
  skipped "$TEST_NAME-all" "no FUSE mount by $mount_kind: $(grep -m 1 'not shown as files' "$RUN/sluiced.log")"
  exit 0
fi

as_a_file() {
  same 'kind and mode' 'regular file 600' "$(stat -c '%F %a' "$DISK")"
  same 'size' $((64 * MIB)) "$(stat -c %s "$DISK")"
  same 'what the command prints' "$DISK" "$(sluice export fuse disk)"
  same 'names' 'big disk' "$(ls -x "$RUN/dev/" | tr -s ' ')"
  same 'blocks of an empty one' 0 "$(stat -c %b "$DISK")"
}
check as-a-file as_a_file

ext4() {
  mkfs.ext4 -q -b 4096 "$DISK"
  e2fsck -fn "$DISK"
  debugfs -w -R "write $BASH_SOURCE script" "$DISK"
  e2fsck -fn "$DISK"
  debugfs -R 'dump /script '"$T/script" "$T/disk.img"
  cmp "$T/script" "$BASH_SOURCE"
}
check ext4 ext4

xfs() {
  mkfs.xfs -q -f "$BIG"
  xfs_repair -n "$BIG"
}
check xfs xfs

# verify NAME ARG...: writes and verifies, on blocks of 4 KiB and, where the way allows it, on pieces of them.
verify() {
  timeout 60 fio --name=verify --filename="$BIG" --size=24M --rw=randwrite --verify=crc32c \
    --verify_fatal=1 --randseed=7 --output="$T/fio.txt" "$@" || { cat "$T/fio.txt"; return 1; }
}
check verify-buffered verify --ioengine=psync --bsrange=512-64k --bs_unaligned=1
check verify-direct verify --ioengine=libaio --direct=1 --iodepth=16 --bsrange=4k-128k
check verify-io-uring verify --ioengine=io_uring --direct=1 --iodepth=32 --bs=4k
check verify-fsync verify --ioengine=psync --bs=16k --fsync=64
mapped() {
  verify --ioengine=mmap --bs=4k || { grep -q 'No such device' "$T/fio.txt" && skip 'shared mappings need Linux 6.6'; }
}
check verify-mmap mapped

zeroes() {
  fallocate --punch-hole --offset 100 --length 1000000 "$BIG"
  fallocate --zero-range --keep-size --offset 5000000 --length 1000001 "$BIG"
  cmp -n 1000000 -i 100:0 "$BIG" /dev/zero
  cmp -n 1000001 -i 5000000:0 "$BIG" /dev/zero
  sync "$BIG"
  cmp "$BIG" "$T/big.img"
}
check zeroes zeroes

# The file and the NBD view have holes at the same places, and so has a copy.
holes() {
  local name
  for name in disk big; do
    qemu-img map --output=json -f raw "$RUN/dev/$name" >"$T/file.map"
    qemu-img map --output=json "json:{\"driver\":\"raw\",\"file\":{\"driver\":\"nbd\",\"export\":\"$name\",\"server\":{\"type\":\"unix\",\"path\":\"$RUN/nbd.sock\"}}}" >"$T/nbd.map"
    for map in file nbd; do
      json "$T/$map.map" '[(e["start"], e["length"]) for e in d if e["zero"]]' >"$T/$map.zeroes"
    done
    cmp "$T/file.zeroes" "$T/nbd.zeroes"
    [ "$(json "$T/file.map" 'len([e for e in d if e["zero"]])')" -gt 1 ]
    cp --sparse=always "$RUN/dev/$name" "$T/copy.raw"
    cmp "$T/copy.raw" "$T/$name.img"
  done
  local blocks
  blocks=$(stat -c %b "$BIG")
  fallocate --punch-hole --offset $((8 * MIB)) --length $((8 * MIB)) "$BIG"
  [ "$(stat -c %b "$BIG")" -lt "$blocks" ]
}
check holes holes

names_and_sizes_are_fixed() {
  local size
  size=$(stat -c %s "$DISK")
  refused 'not permitted' truncate -s 100 "$DISK"
  refused 'not permitted' truncate -s 1G "$DISK"
  refused 'not permitted' mv "$DISK" "$DISK.old"
  refused 'not permitted' rm "$DISK"
  refused 'not permitted' chmod 644 "$DISK"
  refused 'not permitted' chown 1 "$DISK"
  refused 'not permitted' ln "$DISK" "$DISK.link"
  refused 'not permitted' touch "$RUN/dev/new"
  refused 'not supported' fallocate --length 4096 "$DISK"
  refused 'No space' dd if=/dev/zero of="$DISK" bs=4k seek=$((size / 4096)) count=1 conv=notrunc status=none
  same 'size' "$size" "$(stat -c %s "$DISK")"
}
check names-and-sizes-are-fixed names_and_sizes_are_fixed

# O_TRUNC is harmless, on a live device and on an image; writes to an image change the image alone.
image() {
  sluice snapshot take disk --store "dir:$T" --name monday
  local image=$RUN/images/disk@monday
  same 'the image' 0 "$(cmp "$image" "$T/disk.img" >/dev/null; echo $?)"
  cp "$T/disk.img" "$T/before.img"
  : >"$image"
  : >"$DISK"
  cmp "$image" "$T/before.img"
  cmp "$DISK" "$T/before.img"
  dd if=/dev/urandom of="$DISK" bs=1M count=4 seek=8 conv=notrunc status=none
  cmp "$image" "$T/before.img"
  dd if=/dev/urandom of="$T/noise" bs=64k count=1 status=none
  dd if="$T/noise" of="$image" bs=64k seek=3 conv=notrunc status=none
  dd if="$T/noise" of="$T/before.img" bs=64k seek=3 conv=notrunc status=none
  cmp "$image" "$T/before.img"
  exec 7<"$image"
  refused EBUSY sluice device remove disk
  exec 7<&-
  sluice snapshot destroy monday
  [ ! -e "$image" ]
}
check image image

# Another client's write is seen at once.
never_stale() {
  exec 7<"$DISK"
  dd bs=4k count=1 skip=4000 status=none <"$DISK" >"$T/read1"
  qemu-io -f raw -c 'write -P 0xa7 16384000 4096' "$(uri disk)"
  dd bs=4k count=1 skip=4000 status=none <"$DISK" >"$T/read2"
  exec 7<&-
  same 'bytes after a write by NBD' $((0xa7)) "$(od -An -tu1 -N1 "$T/read2" | tr -d ' ')"
}
check never-stale never_stale

# The kernel lets nobody into a mount of another user, whatever he may.
another_user() {
  [ "$(id -u)" -eq 0 ] || skip 'needs root, to be somebody else'
  chmod 755 "$T" "$RUN"
  refused 'Permission denied' setpriv --reuid=65534 --regid=65534 --clear-groups cat "$DISK"
  refused 'Permission denied' setpriv --reuid=65534 --regid=65534 --clear-groups ls "$RUN/fuse"
  chmod 700 "$RUN" "$T"
}
check another-user another_user

over_a_file() {
  local file=$T/over.img
  same 'what the command prints' "$file" "$(sluice export fuse disk "$file")"
  same 'size' $((64 * MIB)) "$(stat -c %s "$file")"
  cmp "$file" "$T/disk.img"
  refused EEXIST sluice export fuse big "$file"
  exec 7<"$file"
  refused EBUSY sluice export remove "$file"
  exec 7<&-
  sluice export remove "$file"
  [ ! -e "$file" ]
  echo mine >"$file"
  sluice export fuse disk "$file" --read-only
  same 'mode' 400 "$(stat -c %a "$file")"
  refused 'Read-only' dd if=/dev/zero of="$file" count=1 conv=notrunc
  exec 7<"$file"
  sluice export remove "$file" --mode hide
  same 'the file below' mine "$(cat "$file")"
  cmp /proc/self/fd/7 "$T/disk.img"
  grep -q ' hidden ' <(sluice export list)
  exec 7<&-
  gone() { ! sluice export list | grep -q "$file"; }
  until_true 10 gone
  refused EINVAL sluice export fuse disk "$T"
  refused ENODEV sluice export fuse nothing "$file"
}
check over-a-file over_a_file

under_load() {
  fio --name=load --filename="$BIG" --size=32M --rw=randrw --bs=4k --direct=1 --ioengine=libaio \
    --iodepth=16 --time_based --runtime=60 --output="$T/fio.txt" &
  fio=$!
  load_runs() { sluice --json stats big >"$T/stats.json" && [ "$(json "$T/stats.json" 'd[0]["write_count"]')" -ge "$1" ]; }
  until_true 30 load_runs $(($(sluice --json stats big >"$T/stats.json" && json "$T/stats.json" 'd[0]["write_count"]') + 500))
}

mounts_here() { grep -c " $RUN/fuse .* fuse.sluice " /proc/self/mountinfo || true; }

# A shutdown ends the mount and the client, and hangs on neither.
shutdown_under_load() {
  under_load
  local from=$SECONDS
  sluice shutdown
  timeout 30 tail --pid="$fio" -s 0.1 -f /dev/null
  wait "$fio" && { echo 'fio did not notice'; return 1; }
  agent_gone() { ! agent_pid "$RUN"; }
  until_true 30 agent_gone
  [ $((SECONDS - from)) -lt 20 ]
  same 'mounts left' 0 "$(mounts_here)"
  [ ! -e "$RUN/fuse" ] && [ ! -L "$RUN/dev" ]
}
check shutdown-under-load shutdown_under_load

# With leave, others may open the files where they can get at them: the run directory stays closed.
others_with_leave() {
  [ "$(id -u)" -eq 0 ] || skip 'needs root, to be somebody else'
  "$SLUICE_HOME/bin/sluiced" --run-dir "$RUN" --set sluice.fuse.allow-other=true
  on_exit agent_stop "$RUN"
  local as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
  chmod 711 "$T"
  mkdir -m 755 "$T/open"
  truncate -s 0 "$T/open/disk.img"
  sluice export fuse disk "$T/open/disk.img"
  same mode 666 "$(stat -c %a "$T/open/disk.img")"
  "${as[@]}" cmp "$T/open/disk.img" - <"$T/disk.img"
  echo 'by somebody else' | "${as[@]}" dd of="$T/open/disk.img" bs=512 seek=9 conv=notrunc,sync status=none
  same 'what was written' 'by somebody else' "$(dd if="$T/disk.img" bs=512 skip=9 count=1 status=none | head -n 1)"
  refused 'Permission denied' "${as[@]}" cat "$DISK"
  sluice export remove "$T/open/disk.img"
  chmod 700 "$T"
  agent_stop "$RUN"
}
check others-with-leave others_with_leave

# A killed agent leaves a dead mount, which its next start clears, and none of another agent's.
killed() {
  "$SLUICE_HOME/bin/sluiced" --run-dir "$RUN"
  "$SLUICE_HOME/bin/sluiced" --run-dir "$T/other" --state-dir "$T/other.state"
  on_exit agent_stop "$T/other"
  sluice export fuse disk "$T/over2.img"
  under_load
  kill -9 "$(agent_pid "$RUN")"
  kill -9 "$(agent_pid "$T/other")"
  timeout 30 tail --pid="$fio" -s 0.1 -f /dev/null
  wait "$fio" && { echo 'fio did not notice'; return 1; }
  refused 'not connected' ls "$RUN/dev/"
  "$SLUICE_HOME/bin/sluiced" --run-dir "$RUN"
  same 'names' 'big disk' "$(ls -x "$RUN/dev/" | tr -s ' ')"
  same 'mounts' 1 "$(mounts_here)"
  # What was asked for is there again, over the same file, once.
  same 'size over the file' $((64 * MIB)) "$(stat -c %s "$T/over2.img")"
  same 'mounts over the file' 1 "$(grep -c " $T/over2.img " /proc/self/mountinfo)"
  sluice export remove "$T/over2.img"
  same 'the file below' 0 "$(stat -c %s "$T/over2.img")"
  refused 'not connected' ls "$T/other/dev/"
  cmp "$BIG" "$T/big.img"
}
check killed killed
