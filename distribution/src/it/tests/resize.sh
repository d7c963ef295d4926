#!/usr/bin/env bash
# The file under a device grows: clients and takes see the new size, a held image stays as it was,
# and no change is lost without a word.
. "${BASH_SOURCE%/*}/../lib.sh"

random_file "$T/disk.img" 16
agent
sluice device add disk "$T/disk.img" || die "device add"
sluice filter attach disk blksnap || die "filter attach"

size_is() { [ "$(nbdinfo --size "$(uri "$1")")" -eq "$2" ]; }
take() {
  sluice snapshot take disk --store "dir:$T" --name "$1"
  sluice --json snapshot info "$1" >"$T/$1.json"
}
generation() { json "$T/$1.json" 'd["devices"][0]["generation_id"]'; }
number() { json "$T/$1.json" 'd["devices"][0]["changes_number"]'; }
write() { qemu-io -f raw -c "write -P $1 $2 $3" -c flush "$(uri disk)" >"$T/io" 2>&1 && ! grep -i failed "$T/io"; }

grows_under_a_snapshot() {
  write 1 4M 1M
  cp "$T/disk.img" "$T/before.img"
  take held
  truncate -s $((24 * MIB)) "$T/disk.img"
  until_true 10 size_is disk $((24 * MIB))
  # Over the old end, beyond it, and inside: the image has the old size and the old bytes.
  write 2 15M 2M
  write 3 20M 4M
  write 4 0 1M
  size_is disk@held $((16 * MIB))
  nbdcopy "$(uri disk@held)" "$T/copy.raw"
  cmp "$T/before.img" "$T/copy.raw"
  nbdcopy --no-extents "$(uri disk)" "$T/copy.raw"
  cmp "$T/disk.img" "$T/copy.raw"
  if sluice snapshot wait-event held --timeout 0 2>"$T/err"; then return 1; fi
  grep -q ETIMEDOUT "$T/err"
}

# The next take knows the new size, in a generation of its own; an increment is refused, not cut short.
next_take_has_the_new_size() {
  cp "$T/disk.img" "$T/grown.img"
  take next
  sluice --json cbt info disk >"$T/cbt.json"
  same capacity $((24 * MIB)) "$(json "$T/cbt.json" 'd["capacity_bytes"]')"
  same 'block count' $((24 * MIB / 65536)) "$(json "$T/cbt.json" 'd["block_count"]')"
  same number 1 "$(number next)"
  [ "$(generation held)" != "$(generation next)" ] || { echo "the generation went on"; return 1; }
  refused ENODATA sluice cbt map disk --since "$(generation held):$(number held)"
  write 5 0 24M
  size_is disk@next $((24 * MIB))
  nbdcopy "$(uri disk@next)" "$T/copy.raw"
  cmp "$T/grown.img" "$T/copy.raw"
  # The older image looks into the newer one's store now, as far as it reaches itself.
  nbdcopy "$(uri disk@held)" "$T/copy.raw"
  cmp "$T/before.img" "$T/copy.raw"
  sluice snapshot destroy next
  nbdcopy "$(uri disk@held)" "$T/copy.raw"
  cmp "$T/before.img" "$T/copy.raw"
  sluice snapshot destroy held
}

# From then on increments work, in the grown part too.
tracked_in_the_grown_part() {
  take base
  sluice snapshot destroy base
  write 6 23M 64k
  take later
  same generation "$(generation base)" "$(generation later)"
  sluice cbt map disk --since "$(generation base):$(number base)" --json >"$T/map.json"
  same ranges "[($((23 * MIB / 512)), 128)]" \
    "$(json "$T/map.json" '[(r["first_sector"], r["sector_count"]) for r in d["ranges"]]')"
  sluice snapshot destroy later
}

check case20-grows-under-a-snapshot grows_under_a_snapshot
check case20-next-take-has-the-new-size next_take_has_the_new_size
check case20-tracked-in-the-grown-part tracked_in_the_grown_part
