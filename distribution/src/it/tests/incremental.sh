#!/usr/bin/env bash
# A chain of incremental backups by the change map, each equal to a full copy of the same image.
. "${BASH_SOURCE%/*}/../lib.sh"

agent
random_file "$T/disk.img" 48
truncate -s $((64 * MIB)) "$T/disk.img"
cp --sparse=always "$T/disk.img" "$T/before.img"
sluice device add disk "$T/disk.img" || die "device add"
sluice filter attach disk blksnap || die "filter attach"

# change SEED: some writes, zeroes and discards; a few unaligned to tracking blocks.
change() {
  awk -v seed="$1" 'BEGIN {
    srand(seed)
    for (i = 0; i < 25; i++) {
      length_ = 512 * int(1 + rand() * 300); offset = 512 * int(rand() * (131072 - length_ / 512))
      print (i % 5 == 0 ? "write -z -u " : "write -P " int(1 + rand() * 255) " ") offset, length_
    }
    print "write -P 9 67108352 512"; print "flush" }' >"$T/commands"
  qemu-io -f raw "$(uri disk)" <"$T/commands" >"$T/io" 2>&1
  if grep -i 'failed\|error' "$T/io"; then return 1; fi
}

base_of() { json "$1" 'd["devices"][0]["generation_id"] + ":" + str(d["devices"][0]["changes_number"])'; }

take() {
  sluice snapshot take disk --store "dir:$T" --name "$1"
  sluice --json snapshot info "$1" >"$T/$1.json"
}

# The ranges since the last backup, read from the image of the name, into the backup in place.
overlay() {
  local first count changed=0
  sluice cbt map disk --since "$last" --json >"$T/changed.json"
  json "$T/changed.json" '"\n".join("%d %d" % (r["first_sector"], r["sector_count"]) for r in d["ranges"])' >"$T/ranges"
  while read -r first count; do
    qemu-img convert -n --image-opts --target-image-opts \
      "driver=raw,offset=$((first * 512)),size=$((count * 512)),file.driver=nbd,file.server.type=unix,file.server.path=$RUN/nbd.sock,file.export=disk@$1" \
      "driver=raw,offset=$((first * 512)),size=$((count * 512)),file.driver=file,file.filename=$T/backup.raw"
    changed=$((changed + count * 512))
  done <"$T/ranges"
  same 'changed_bytes' "$changed" "$(json "$T/changed.json" 'd["changed_bytes"]')"
  figure "$1: $changed of $((64 * MIB)) bytes to read"
  [ "$changed" -gt 0 ] && [ "$changed" -lt $((48 * MIB)) ]
}

chain() {
  change 1
  take full
  nbdcopy "$(uri disk@full)" "$T/backup.raw"
  last=$(base_of "$T/full.json")
  sluice snapshot destroy full
  local seed
  for seed in 2 3 4; do
    change "$seed"
    take "inc$seed"
    # What comes after the take belongs to the next increment.
    change "1$seed"
    overlay "inc$seed"
    nbdcopy --no-extents "$(uri "disk@inc$seed")" "$T/whole.raw"
    cmp "$T/whole.raw" "$T/backup.raw"
    last=$(base_of "$T/inc$seed.json")
    sluice snapshot destroy "inc$seed"
  done
}

# A chain over many takes, whose numbers keep their meaning without the snapshots in between.
skips_a_backup() {
  take a
  local base
  base=$(base_of "$T/a.json")
  nbdcopy "$(uri disk@a)" "$T/backup.raw"
  sluice snapshot destroy a
  change 20
  take b
  sluice snapshot destroy b
  change 21
  take c
  last=$base
  overlay c
  nbdcopy "$(uri disk@c)" "$T/whole.raw"
  cmp "$T/whole.raw" "$T/backup.raw"
  sluice snapshot destroy c
}

# Nothing written: nothing to read.
quiet_interval() {
  take q1
  local base
  base=$(base_of "$T/q1.json")
  sluice snapshot destroy q1
  take q2
  sluice cbt map disk --since "$base" --json >"$T/changed.json"
  same ranges '[]' "$(json "$T/changed.json" 'd["ranges"]')"
  sluice snapshot destroy q2
}

marked_by_hand() {
  take m1
  local base
  base=$(base_of "$T/m1.json")
  sluice cbt dirty disk 1000:10
  sluice cbt map disk --since "$base" --json >"$T/changed.json"
  sluice snapshot destroy m1
  take m2
  sluice cbt map disk --since "$base" --json >"$T/changed.json"
  same 'sector 1000 is in the map' True \
    "$(json "$T/changed.json" 'any(r["first_sector"] <= 1000 and 1010 <= r["first_sector"] + r["sector_count"] for r in d["ranges"])')"
  refused EINVAL sluice cbt dirty disk 131071:2
  sluice snapshot destroy m2
}

# Once tracking was off, an earlier base must be refused: silence here would be a wrong backup.
void_base() {
  take v1
  local base
  base=$(base_of "$T/v1.json")
  sluice snapshot destroy v1
  sluice filter detach disk blksnap
  change 30
  sluice filter attach disk blksnap
  take v2
  refused ENODATA sluice cbt map disk --since "$base"
  refused GENERATION:NUMBER sluice cbt map disk --since nonsense
  sluice snapshot destroy v2
}

check chain chain
check skips-a-backup skips_a_backup
check quiet-interval quiet_interval
check marked-by-hand marked_by_hand
check void-base void_base
