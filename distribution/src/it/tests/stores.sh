#!/usr/bin/env bash
# A snapshot on each kind of store; and a store is refused where it must not be.
. "${BASH_SOURCE%/*}/../lib.sh"

random_file "$T/disk.img" 64
agent --set sluice.diffstore.tmpfs.limit=48M
random_file "$T/other.img" 4
sluice device add disk "$T/disk.img" || die "device add"
sluice device add other "$T/other.img" || die "device add"

# What blocks need: loop devices, made by root. detach is called at the end of the case.
need_loops() {
  [ "$(id -u)" -eq 0 ] || skip "needs root, to mount and to make loop devices"
  [ -e /dev/loop-control ] || skip "there is no /dev/loop-control"
}
# loop_over FILE [OPTION...]: sets LOOP to a device, which goes at the end of the case.
loop_over() {
  LOOP=$(losetup --find --show "${@:2}" "$1") || skip "losetup fails here"
  trap 'let_go' EXIT
}
# Whatever a case that failed has left.
let_go() {
  sluice snapshot destroy held || true
  sluice device remove part || true
  umount "$T/mnt" || true
  delpart "$LOOP" 1 || true
  losetup -d "$LOOP"
} 2>/dev/null

# keeps STORE: while the device is written to, the image stays what it was.
keeps() {
  cp "$T/disk.img" "$T/before.img"
  sluice snapshot take disk --store "$1" --name held
  fio --name=load --ioengine=nbd --uri="$(uri disk)" --rw=randwrite --bs=16k --size=64M --io_size=16M \
    --iodepth=16 --verify=crc32c --verify_fatal=1 --verify_state_save=0 --output="$T/fio.txt" ||
    { cat "$T/fio.txt"; return 1; }
  nbdcopy "$(uri disk@held)" "$T/copy.raw"
  cmp "$T/before.img" "$T/copy.raw"
  if cmp -s "$T/before.img" "$T/disk.img"; then echo "nothing was written"; return 1; fi
  sluice --json snapshot info held >"$T/info.json"
  [ "$(json "$T/info.json" 'd["store"]["filled_bytes"]')" -ge $((8 * MIB)) ]
}

file() {
  keeps "file:$T/diff"
  sluice snapshot destroy held
  same 'mode of the file' 600 "$(stat -c %a "$T/diff")"
  rm "$T/diff"
}
unnamed() {
  mkdir -p "$T/store"
  keeps "dir:$T/store"
  same 'names in the directory' '' "$(ls -A "$T/store")"
  sluice snapshot destroy held
}
memory() {
  keeps tmpfs:40M
  # The files behind the agent's descriptors: one is in memory, and nobody else's.
  ls -l "/proc/$(agent_pid "$RUN")/fd" | grep -o 'memfd:sluice-tmpfs-store.*' | sort -u | tee "$T/memfd"
  [ -s "$T/memfd" ] || { echo "no file in memory is open"; return 1; }
  sluice snapshot destroy held
  if ls -l "/proc/$(agent_pid "$RUN")/fd" | grep 'memfd:sluice-tmpfs-store'; then echo "it is still open"; return 1; fi
}
memory_is_bounded() {
  refused 'EINVAL.*50331648' sluice snapshot take disk --store tmpfs:49M --name big
  refused EINVAL sluice snapshot take disk --store tmpfs:some --name big
  sluice snapshot take disk --store tmpfs:4M --name small
  qemu-io -f raw -c 'write -P 0x71 0 32M' -c 'read -P 0x71 0 32M' "$(uri disk)" >"$T/io"
  if grep -qi 'failed\|error' "$T/io"; then cat "$T/io"; return 1; fi
  sluice snapshot wait-event small --timeout 30000 | tee "$T/event"
  if nbdcopy "$(uri disk@small)" "$T/copy.raw"; then echo "image still read"; return 1; fi
  sluice snapshot destroy small
}
block_device() {
  need_loops
  truncate -s 48M "$T/scratch.img"
  loop_over "$T/scratch.img"
  ln -sf "$LOOP" "$T/link"
  keeps "blockdev:$T/link"
  mkdir -p "$T/mnt"
  refused "busy\|already mounted" mount -o ro "$LOOP" "$T/mnt"
  refused 'EBUSY.*another store' sluice snapshot take other --store "blockdev:$LOOP" --name second
  sluice snapshot destroy held
}
block_device_in_use() {
  need_loops
  truncate -s 32M "$T/fs.img"
  mkfs.ext4 -q -F "$T/fs.img"
  mkdir -p "$T/mnt"
  loop_over "$T/fs.img"
  mount "$LOOP" "$T/mnt" || skip "mounting is not allowed here"
  refused "EBUSY.*mounted at $T/mnt" sluice snapshot take disk --store "blockdev:$LOOP" --name held
  umount "$T/mnt"
  refused EINVAL sluice snapshot take disk --store "blockdev:$T/fs.img" --name held
}
# A store on the device that it serves would fill itself: whatever the way leads there.
not_on_its_own_device() {
  ln -f "$T/disk.img" "$T/hard.img"
  ln -sf "$T/disk.img" "$T/soft.img"
  local path
  for path in disk.img hard.img soft.img; do
    refused 'EBUSY\|EINVAL' sluice snapshot take disk --store "file:$T/$path" --name self
  done
  need_loops
  loop_over "$T/disk.img"
  refused 'EBUSY\|EINVAL' sluice snapshot take disk --store "blockdev:$LOOP" --name self
  same 'snapshots' '[]' "$(sluice --json snapshot list | tr -d ' \n')"
}
# The device is a loop device, the store the file below it; or a partition, the store its disk.
not_below_its_own_device() {
  need_loops
  truncate -s 32M "$T/parts.img"
  loop_over "$T/parts.img" --partscan
  addpart "$LOOP" 1 2048 32768
  sluice device add part "$LOOP"
  refused 'EBUSY\|EINVAL' sluice snapshot take part --store "file:$T/parts.img" --name self
  [ -b "${LOOP}p1" ] || skip "the kernel made no partition of the loop device"
  refused 'EBUSY\|EINVAL' sluice snapshot take part --store "blockdev:${LOOP}p1" --name self
  sluice device remove part
  sluice device add part "${LOOP}p1"
  refused 'EBUSY\|EINVAL' sluice snapshot take part --store "blockdev:$LOOP" --name self
}

check file file
check unnamed unnamed
check memory memory
check memory-is-bounded memory_is_bounded
check block-device block_device
check block-device-in-use block_device_in_use
check not-on-its-own-device not_on_its_own_device
check not-below-its-own-device not_below_its_own_device
