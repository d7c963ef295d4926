#!/usr/bin/env bash
# Sparse devices of up to 16 TiB: map sizes by the kernel module's formulas, and little memory.
. "${BASH_SOURCE%/*}/../lib.sh"

GIB=$((1 << 30))
TIB=$((1 << 40))
# tmpfs takes files of any size; most disks' file systems do not.
sparse=$(mktemp -d /dev/shm/sluice.XXXXXXXX 2>/dev/null) || sparse=$T
on_exit rm -rf "$sparse"
agent

# map_of SIZE BLOCK_BYTES BLOCK_COUNT
map_of() {
  rm -f "$sparse/disk.img"
  truncate -s "$1" "$sparse/disk.img" || skip "no file of $1 bytes can be made in $sparse"
  sluice device add big "$sparse/disk.img"
  sluice filter attach big blksnap
  sluice --json cbt info big >"$T/cbt.json"
  sluice filter detach big blksnap
  sluice device remove big
  same "block size at $1 bytes" "$2" "$(json "$T/cbt.json" 'd["block_size_bytes"]')"
  same "block count at $1 bytes" "$3" "$(json "$T/cbt.json" 'd["block_count"]')"
}
table() {
  map_of $((64 * MIB)) 65536 1024
  map_of $((64 * MIB + 512)) 65536 1025
  map_of $((128 * GIB)) 65536 2097152
  map_of $((128 * GIB + 512)) 131072 1048577
  map_of $((256 * GIB)) 131072 2097152
  map_of $((512 * GIB + 512)) 524288 1048577
  map_of $TIB 524288 2097152
  map_of $((8 * TIB)) 4194304 2097152
  map_of $((16 * TIB)) 8388608 2097152
}
sixteen_tebibytes() {
  rm -f "$sparse/disk.img"
  truncate -s $((16 * TIB)) "$sparse/disk.img" || skip "no file of 16 TiB can be made in $sparse"
  sluice device add big "$sparse/disk.img"
  local end=$((16 * TIB - 4096))
  qemu-io -f raw -c "write -P 1 0 64k" -c "write -P 1 $end 4096" -c flush "$(uri big)"
  sluice filter attach big blksnap
  sluice snapshot take big --store "dir:$T" --limit 1G --name cut
  local base
  sluice --json snapshot info cut >"$T/cut.json"
  base=$(json "$T/cut.json" 'd["devices"][0]["generation_id"] + ":" + str(d["devices"][0]["changes_number"])')
  qemu-io -f raw -c "write -P 2 0 64k" -c "write -P 2 $end 4096" -c "write -P 2 $((5 * TIB)) 1M" -c flush "$(uri big)"
  qemu-io -r -f raw -c "read -P 1 0 64k" -c "read -P 1 $end 4096" -c "read -P 0 $((5 * TIB)) 1M" \
    "$(uri big@cut)" | tee "$T/io"
  if grep -qi 'verification failed\|error' "$T/io"; then return 1; fi
  # Zeroes over a hole of a tebibyte: that must not be saved chunk by chunk.
  timeout 60 nbdinfo --size "$(uri big@cut)"
  sluice snapshot destroy cut
  sluice snapshot take big --store "dir:$T" --limit 1G --name next
  sluice cbt map big --since "$base" --json >"$T/map.json"
  same ranges '[[0, 16384], [10737418240, 16384], [34359721984, 16384]]' \
    "$(json "$T/map.json" '[[r["first_sector"], r["sector_count"]] for r in d["ranges"]]')"
  sluice snapshot destroy next
  figure "agent with 16 TiB tracked and snapshotted: resident $(resident_mib) MiB, peak $(peak_mib) MiB"
  [ "$(peak_mib)" -lt 300 ]
  sluice filter detach big blksnap
  sluice device remove big
}

check table table
check sixteen-tebibytes sixteen_tebibytes
