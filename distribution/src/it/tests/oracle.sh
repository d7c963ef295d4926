#!/usr/bin/env bash
# An image is the bytes of the take, whatever happens to the live device: through clients that trust
# the block status, and through clients that do not.
. "${BASH_SOURCE%/*}/../lib.sh"

agent

# Data and holes, so that an image must also keep what was a hole.
fresh_device() {
  # Of the case before, however it ended.
  if sluice snapshot info cut >"$T/out" 2>&1; then sluice snapshot destroy cut; fi
  if sluice device info disk >"$T/out" 2>&1; then
    sluice filter detach disk blksnap
    sluice device remove disk
  fi
  random_file "$T/disk.img" 8
  truncate -s $((16 * MIB)) "$T/disk.img"
  head -c $((16 * MIB + 1536)) /dev/urandom >>"$T/disk.img"
  cp --sparse=always "$T/disk.img" "$T/before.img"
  sluice device add disk "$T/disk.img"
  sluice filter attach disk blksnap
}

image_is_the_take() {
  local image
  image=$(uri disk@cut)
  nbdinfo --map --json "$image" >"$T/map.json"
  same 'map sum' "$(stat -c %s "$T/before.img")" "$(json "$T/map.json" 'sum(e["length"] for e in d)')"
  rm -f "$T"/copy.*
  nbdcopy "$image" "$T/copy.1"
  cmp "$T/before.img" "$T/copy.1"
  nbdcopy --no-extents "$image" "$T/copy.2"
  cmp "$T/before.img" "$T/copy.2"
  qemu-img convert -f raw -O raw "$image" "$T/copy.3"
  cmp "$T/before.img" "$T/copy.3"
  qemu-img compare -f raw -F raw "$image" "$T/before.img"
}

# Zeroes and discards over ranges that straddle chunks saved already and chunks not saved yet.
straddling() {
  fresh_device
  sluice snapshot take disk --store "dir:$T" --name cut --chunk-size "$1"
  image_is_the_take
  qemu-io -f raw -c 'write -P 1 300k 4k' -c 'write -P 2 1M 100k' \
    -c 'write -z 200k 1000k' -c 'write -z -u 2000k 700k' -c 'discard 3M 1M' -c 'write -P 3 3500k 8k' \
    -c 'discard 3400k 900k' -c 'write -P 4 9M 1M' -c 'write -z 15M 2M' -c flush "$(uri disk)"
  image_is_the_take
  # Again over what is saved by now.
  qemu-io -f raw -c 'write -z -u 0 32M' -c flush "$(uri disk)"
  image_is_the_take
  qemu-io -f raw -c 'write -P 5 0 20M' -c flush "$(uri disk)"
  image_is_the_take
  sluice snapshot destroy cut
}

# Two hundred commands from a seed, with the image checked on the way.
random_commands() {
  local seed=${SEED:-1} round
  echo "SEED=$seed replays this"
  fresh_device
  sluice snapshot take disk --store "dir:$T" --name cut
  for round in 1 2 3 4; do
    awk -v seed="$seed$round" 'BEGIN {
      srand(seed)
      for (i = 0; i < 50; i++) {
        length_ = 512 * int(1 + rand() * 2048); offset = 512 * int(rand() * (65536 - length_ / 512))
        kind = int(rand() * 4)
        if (kind == 0) print "write -z", offset, length_
        else if (kind == 1) print "write -z -u", offset, length_
        else if (kind == 2) print "discard", offset, length_
        else print "write -P", 1 + int(rand() * 255), offset, length_
      }}' >"$T/commands"
    qemu-io -f raw "$(uri disk)" <"$T/commands" >"$T/io" 2>&1
    if grep -i 'failed\|error' "$T/io"; then return 1; fi
    image_is_the_take
  done
  sluice snapshot destroy cut
}

# While a client keeps writing at depth: every copy is the same as the first one.
under_load() {
  fresh_device
  sluice snapshot take disk --store "dir:$T" --name cut
  fio --name=load --ioengine=nbd --uri="$(uri disk)" --rw=randwrite --bsrange=4k-64k --iodepth=16 \
    --size=32M --time_based --runtime=20 --output="$T/fio.txt" &
  local load=$!
  image_is_the_take
  image_is_the_take
  kill -0 "$load"
  kill "$load"
  wait "$load" || true
  image_is_the_take
  sluice snapshot destroy cut
}

# An image can be written; the live device does not see it, nor does the image see the device.
image_writes() {
  fresh_device
  sluice snapshot take disk --store "dir:$T" --name cut
  qemu-io -f raw -c 'write -P 0x77 126k 1M' -c 'write -z 10M 64k' -c 'write -P 0x78 33554432 1536' -c flush \
    "$(uri disk@cut)" | tee "$T/io"
  if grep -i 'failed\|error' "$T/io"; then return 1; fi
  cmp "$T/before.img" "$T/disk.img"
  qemu-io -f raw -c 'write -P 0x11 200k 500k' "$(uri disk)"
  qemu-io -f raw -c 'read -P 0x77 126k 1M' -c 'read -P 0 10M 64k' -c 'read -P 0x78 33554432 1536' \
    "$(uri disk@cut)" | tee "$T/io"
  if grep -i 'verification failed' "$T/io"; then return 1; fi
  qemu-io -f raw -c 'read -P 0x11 200k 500k' "$(uri disk)" | tee "$T/io"
  if grep -i 'verification failed' "$T/io"; then return 1; fi
  sluice snapshot destroy cut
}

check straddling-4k straddling 4K
check straddling-64k straddling 64K
check straddling-256k straddling 256K
check random-commands random_commands
check under-load under_load
check image-writes image_writes
