#!/usr/bin/env bash
# Images with what changed since another, over NBD: the bitmap is right, frozen, and what the field's
# tools and recipes make of it is the image.
. "${BASH_SOURCE%/*}/../lib.sh"

export PYTHONDONTWRITEBYTECODE=1
BITMAP=qemu:dirty-bitmap:backup-disk
random_file "$T/disk.img" 40
truncate -s $((64 * MIB)) "$T/disk.img"
# Large enough for steps of 2 GiB and for almost 4.
truncate -s 4608M "$T/big.img"
agent
sluice device add disk "$T/disk.img" || die "device add"
sluice device add big "$T/big.img" || die "device add"

io() { qemu-io -f raw "$(uri "$1")" "${@:2}" >"$T/io" 2>&1 && ! grep -i 'failed\|error' "$T/io"; }
take() {
  sluice snapshot take disk big --store "dir:$T" --name "$1"
  sluice --json snapshot info "$1" >"$T/$1.json"
}
base_of() { json "$T/$1.json" 'd["devices"][0]["generation_id"] + ":" + str(d["devices"][0]["changes_number"])'; }
contexts() { nbdinfo --json "$(uri "$1")" >"$T/info.json" && json "$T/info.json" 'd["exports"][0]["contexts"]'; }
description() { nbdinfo --json "$(uri "$1")" >"$T/info.json" && json "$T/info.json" 'd["exports"][0]["description"]'; }
map_of() { nbdinfo --map="$2" --json "$(uri "$1")" >"$T/map.json"; }
dirty() { json "$T/map.json" '[(e["offset"], e["length"]) for e in d if e["type"] & 1]'; }

set_up() {
  io big -c 'write -P 1 0 1M' -c 'write -P 2 3G 1M' -c 'write -P 3 4607M 1M'
  take base
  nbdcopy "$(uri disk@base)" "$T/base.raw"
  io disk -c 'write -P 1 1M 100k' -c 'write -P 2 20M 3M' -c 'write -z -u 30M 2M' -c 'write -P 5 50M 4k' \
    -c 'discard 10M 1M' -c 'write -P 6 67108352 512' -c flush
  io big -c 'write -P 9 1G 1M' -c 'write -z -u 3G 1M' -c 'write -P 8 4607M 64k' -c flush
  sync "$T/disk.img"
  cp --sparse=always "$T/disk.img" "$T/now.raw"
  cp --sparse=always "$T/big.img" "$T/big-now.raw"
  take now
  sluice cbt map disk --since "$(base_of base)" --json >"$T/cbt.json"
  # Behind the image's back: over saved and unsaved chunks, and over what was zeroed.
  io disk -c 'write -P 77 0 8M' -c 'write -z -u 19M 30M' -c 'discard 55M 2M' -c 'write -P 7 30M 1M' -c flush
  io big -c 'write -P 99 2G 1M' -c 'write -z -u 4607M 1M' -c flush
}
check set-up set_up

# 8: the bitmap is what the tracker says, and stays so whatever is written and taken later.
dirty_bitmap() {
  proves dirty-bitmap nbdinfo
  map_of disk@now..base $BITMAP
  same ranges "$(json "$T/cbt.json" '[(r["first_sector"] * 512, r["sector_count"] * 512) for r in d["ranges"]]')" "$(dirty)"
  same sum $((64 * MIB)) "$(json "$T/map.json" 'sum(e["length"] for e in d)')"
  cp "$T/map.json" "$T/first.json"
  take later
  io disk -c 'write -P 3 0 64M' -c flush
  map_of disk@now..base $BITMAP
  cmp "$T/first.json" "$T/map.json"
  map_of "disk@now..$(base_of base)" $BITMAP
  cmp "$T/first.json" "$T/map.json"
  map_of disk@later..now $BITMAP
  json "$T/map.json" 'all(e["type"] in (0, 1) for e in d)' | grep -q True
  figure "$(json "$T/first.json" 'sum(e["length"] for e in d if e["type"])') bytes dirty"
  sluice snapshot destroy later
}
# 9: nothing, this snapshot's store, or what lies below it.
allocation_depth() {
  map_of disk@now..base qemu:allocation-depth
  same depths '[0, 1, 2]' "$(json "$T/map.json" 'sorted(set(e["type"] for e in d))')"
  same sum $((64 * MIB)) "$(json "$T/map.json" 'sum(e["length"] for e in d)')"
  # Holes are the same as in the other context, from the same tables.
  json "$T/map.json" '[(e["offset"], e["length"]) for e in d if e["type"] == 0]' >"$T/absent"
  nbdinfo --map --json "$(uri disk@now..base)" >"$T/map.json"
  same holes "$(json "$T/map.json" '[(e["offset"], e["length"]) for e in d if e["type"] & 1]')" "$(cat "$T/absent")"
}
# 10: one bitmap for an export that has one, none for the full image.
one_bitmap() {
  proves dirty-bitmap,meta-contexts qemu-nbd
  sluice export nbd disk@now..base --name vda
  qemu-nbd -L -k "$RUN/nbd.sock" | tee "$T/list"
  same bitmaps "qemu:dirty-bitmap:backup-vda" "$(grep -o 'qemu:dirty-bitmap.*' "$T/list")"
  same exports 7 "$(grep -c ' export: ' "$T/list")"
  grep -q "x-sluice:since:$(base_of base)" "$T/list"
  same full "['base:allocation', 'qemu:allocation-depth', 'x-sluice:generation:$(base_of now)']" "$(contexts disk@now)"
  same view "['base:allocation', 'qemu:allocation-depth', 'x-sluice:generation:$(base_of now)', '$BITMAP', 'x-sluice:since:$(base_of base)']" \
    "$(contexts disk@now..base)"
  same live "['base:allocation']" "$(contexts disk)"
  nbdinfo --is read-only "$(uri disk@now..base)"
  nbdinfo --is read-only "$(uri vda)"
  # Our own contexts: the same ranges by position, and the number of each range's last change.
  map_of disk@now..base "x-sluice:since:$(base_of base)"
  dirty >"$T/since"
  map_of vda qemu:dirty-bitmap:backup-vda
  same since "$(dirty)" "$(cat "$T/since")"
  map_of disk@now "x-sluice:generation:$(base_of now)"
  same numbers "$(json "$T/cbt.json" '[(r["first_sector"] * 512, r["sector_count"] * 512) for r in d["ranges"]]')" \
    "$(json "$T/map.json" "[(e['offset'], e['length']) for e in d if e['type'] > $(json "$T/base.json" 'd["devices"][0]["changes_number"]')]")"
}
# 12 and 13: qemu sees what nbdinfo sees; a bitmap in place of the data, upside down.
qemu_maps() {
  proves block-status,dirty-bitmap qemu-img
  qemu-img info --output=json "$(uri disk@now..base)" >"$T/info.json"
  same size $((64 * MIB)) "$(json "$T/info.json" 'd["virtual-size"]')"
  nbdinfo --map --json "$(uri disk@now..base)" >"$T/map.json"
  qemu-img map --output=json "$(uri disk@now..base)" >"$T/qemu-map.json"
  same extents "$(json "$T/map.json" '[(e["offset"], e["length"], bool(e["type"] & 2)) for e in d]')" \
    "$(json "$T/qemu-map.json" '[(e["start"], e["length"], e["zero"]) for e in d]')"
  map_of disk@now..base $BITMAP
  qemu-img map --output=json --image-opts \
    "driver=nbd,export=disk@now..base,server.type=unix,server.path=$RUN/nbd.sock,x-dirty-bitmap=$BITMAP" >"$T/qemu-map.json"
  same dirty "$(dirty)" "$(json "$T/qemu-map.json" '[(e["start"], e["length"]) for e in d if not e["data"]]')"
}
# 25: zeroes that were written behind the image are in no copy of it.
no_later_zero() {
  proves read-structured nbdcopy qemu-img
  local options
  for options in '' --no-extents --allocated; do
    # shellcheck disable=SC2086
    nbdcopy $options "$(uri disk@now)" "$T/copy.raw"
    cmp "$T/now.raw" "$T/copy.raw"
    rm "$T/copy.raw"
  done
  qemu-img convert -f raw -O qcow2 "$(uri disk@now)" "$T/copy.qcow2"
  qemu-img compare -f qcow2 -F raw "$T/copy.qcow2" "$T/now.raw"
  nbdinfo --map "$(uri disk@now)"
}
zero_inside_dirty() {
  map_of disk@now..base $BITMAP
  cp "$T/map.json" "$T/dirty.json"
  nbdinfo --map --json "$(uri disk@now..base)" >"$T/map.json"
  json "$T/dirty.json" 'any(e["type"] and e["offset"] <= 30 << 20 and e["offset"] + e["length"] >= 32 << 20 for e in d)' | grep -q True
  json "$T/map.json" 'any(e["type"] & 2 and e["offset"] <= 30 << 20 and e["offset"] + e["length"] >= 32 << 20 for e in d)' | grep -q True
}

# R1: an overlay on the image, filled by reading what is dirty, then set on the full backup.
overlay_pull() {
  proves incremental-backup,dirty-bitmap qemu-img qemu-io
  qemu-img convert -f raw -O qcow2 "$T/base.raw" "$T/full.qcow2"
  qemu-img create -q -f qcow2 -F raw -b "$(uri disk@now..base)" "$T/inc.qcow2"
  qemu-img map --output=json --image-opts \
    "driver=nbd,export=disk@now..base,server.type=unix,server.path=$RUN/nbd.sock,x-dirty-bitmap=$BITMAP" >"$T/qemu-map.json"
  local reads=() range
  while read -r range; do reads+=(-c "r $range"); done < <(
    json "$T/qemu-map.json" '"\n".join("%d %d" % (e["start"], e["length"]) for e in d if not e["data"])')
  qemu-io -C "${reads[@]}" "$T/inc.qcow2" >"$T/io"
  qemu-img rebase -u -b "$T/full.qcow2" -F qcow2 "$T/inc.qcow2"
  qemu-img compare -f qcow2 -F raw "$T/inc.qcow2" "$T/now.raw"
  figure "overlay of $(stat -c %s "$T/inc.qcow2") bytes, full $(stat -c %s "$T/full.qcow2")"
}
# R2: the full backup.
full_copy() {
  proves incremental-backup nbdcopy
  truncate -s $((64 * MIB)) "$T/full.raw"
  nbdcopy --destination-is-zero "$(uri disk@base)" "$T/full.raw"
  cmp "$T/base.raw" "$T/full.raw"
}
# client NAME EXPORT BITMAP BASE EXPECTED: brings a copy of the base up to date.
client() {
  cp --sparse=always "$4" "$T/backup.raw"
  "$PYTHON" "$IT_DIR/python/backup_clients.py" "$1" "$RUN/nbd.sock" "$2" "$3" "$T/backup.raw"
  qemu-img compare -f raw -F raw "$T/backup.raw" "$5"
  rm "$T/backup.raw"
}
# R3, as OpenNebula does it, and R4.
nbdinfo_ranges() {
  proves incremental-backup nbdinfo libnbd
  need_libnbd
  nbdinfo --json --map=qemu:dirty-bitmap:backup-vda "$(uri vda)" >"$T/ranges.json"
  cp "$T/base.raw" "$T/backup.raw"
  "$PYTHON" "$IT_DIR/python/backup_clients.py" ranges "$RUN/nbd.sock" vda - "$T/backup.raw" <"$T/ranges.json"
  cmp "$T/now.raw" "$T/backup.raw"
}
libnbd_loop() {
  proves incremental-backup,dirty-bitmap libnbd
  need_libnbd
  client libnbd disk@now..base $BITMAP "$T/base.raw" "$T/now.raw"
}
like_imageio() {
  proves incremental-backup,go-without-block-size raw
  client imageio disk@now..base $BITMAP "$T/base.raw" "$T/now.raw"
  nbdcopy "$(uri big@base)" "$T/big-base.raw"
  client imageio big@now..base qemu:dirty-bitmap:backup-big "$T/big-base.raw" "$T/big-now.raw"
}
like_virtnbdbackup() {
  proves incremental-backup,block-status-huge libnbd
  need_libnbd
  client virtnbdbackup vda qemu:dirty-bitmap:backup-vda "$T/base.raw" "$T/now.raw"
  client virtnbdbackup big@now..base qemu:dirty-bitmap:backup-big "$T/big-base.raw" "$T/big-now.raw"
}

# Many contexts in one answer, chosen by a payload, and the same after the bundle was replaced.
payload_and_update() {
  proves block-status-payload,extended-headers,dirty-bitmap raw
  "$PYTHON" - "$IT_DIR" "$RUN/nbd.sock" <<'PYTHON'
import struct, subprocess, sys
sys.path.insert(0, sys.argv[1] + "/python")
from rawnbd import *
export = "disk@now..base"
first = Connection(sys.argv[2])
first.option(EXTENDED_HEADERS)
names = list(first.list_meta(export))
assert len(names) == 5, names
connection = enter(sys.argv[2], export, EXTENDED_HEADERS, names)
assert connection.flags & 1 << 12
before = connection.status(0, connection.size)

def one(name):
    payload = struct.pack(">QI", connection.size, connection.contexts[name])
    reply = connection.ask(BLOCK_STATUS, 0, len(payload), PAYLOAD_LEN, payload)
    return reply.status[connection.contexts[name]]

for name in names:
    alone = one(name)
    assert sum(length for length, _ in alone) == connection.size
    reach = sum(length for length, _ in before[name])
    assert alone == before[name] if reach == connection.size else True, name
half = connection.read(0, 1 << 20)
subprocess.run(["sluice", "bundle", "update", "io.sluice.export.nbd"], check=True)
assert connection.status(0, connection.size) == before, "another answer after the update"
assert one(names[3]) == before[names[3]]
assert connection.read(0, 1 << 20) == half
PYTHON
}

# Where the base is void there is no bitmap, and the description says why.
void_base() {
  local name why
  while IFS='|' read -r name why; do
    same "contexts of $name" "['base:allocation', 'qemu:allocation-depth', 'x-sluice:generation:$(base_of "${3:-$(sed 's/.*@\(.*\)\.\..*/\1/' <<<"$name")}")']" "$(contexts "$name")"
    description "$name" | grep -q -- "$why" || { description "$name"; return 1; }
  done <<ROWS
disk@base..now|is newer than this image
disk@now..nonsense|is no snapshot that is held
disk@now..00000000-0000-0000-0000-000000000000:1|tracking began anew
disk@now..$(base_of now | cut -d : -f 1):200|is newer
ROWS
  nbdcopy "$(uri disk@now..nonsense)" "$T/copy.raw"
  cmp "$T/now.raw" "$T/copy.raw"
  sluice export nbd disk@now..nonsense --name void
  sluice export list | grep '^void ' | grep -q 'is no snapshot that is held'
  sluice export remove void
  refused nope nbdinfo "$(uri disk@nope..base)"
  refused ESRCH sluice export nbd disk@nope..base
  # Tracking that has a gap begins anew, also under the base's own number.
  sluice device add gap "$T/base.raw"
  sluice snapshot take gap --store "dir:$T" --name g1
  sluice --json snapshot info g1 >"$T/g1.json"
  sluice snapshot destroy g1
  sluice filter detach gap blksnap
  io gap -c 'write -P 1 0 4k' -c flush
  sluice snapshot take gap --store "dir:$T" --name g2
  description "gap@g2..$(base_of g1)" | grep -q 'tracking began anew'
  sluice snapshot destroy g2
  sluice filter detach gap blksnap
  sluice device remove gap
}
# The base's data may be gone: its position is enough. What is destroyed is let go of.
base_gone() {
  local position
  position=$(base_of base)
  map_of disk@now..base $BITMAP
  cp "$T/map.json" "$T/first.json"
  sluice snapshot destroy base
  map_of "disk@now..$position" $BITMAP
  cmp "$T/first.json" "$T/map.json"
  map_of vda qemu:dirty-bitmap:backup-vda
  cmp "$T/first.json" "$T/map.json"
  description disk@now..base | grep -q 'is no snapshot that is held'
  sluice snapshot destroy now
  refused vda nbdinfo --size "$(uri vda)"
  refused "disk@now" nbdinfo --size "$(uri "disk@now..$position")"
}

check dirty-bitmap dirty_bitmap
check allocation-depth allocation_depth
check one-bitmap one_bitmap
check qemu-maps qemu_maps
check no-later-zero no_later_zero
check zero-inside-dirty zero_inside_dirty
check recipe-overlay-pull overlay_pull
check recipe-full-copy full_copy
check recipe-nbdinfo nbdinfo_ranges
check recipe-libnbd libnbd_loop
check like-imageio like_imageio
check like-virtnbdbackup like_virtnbdbackup
check payload-and-update payload_and_update
check void-base void_base
check base-gone base_gone
