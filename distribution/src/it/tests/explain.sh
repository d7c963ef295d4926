#!/usr/bin/env bash
# What cbt explain says of known writes, and of their zeroes.
. "${BASH_SOURCE%/*}/../lib.sh"

truncate -s 256M "$T/disk.img"
agent
sluice device add disk "$T/disk.img" || die "device add"
sluice snapshot take disk --store "dir:$T" --name base --chunk-size 4K >"$T/base" || die "snapshot take"

explain() { sluice --json cbt explain disk "$@" >"$T/explained"; }

written_is_explained() {
  qemu-io -f raw -c 'write -P 1 0 4k' -c 'write -P 2 64M 1M' -c 'write -z 128M 256k' -c flush "$(uri disk)"
  sluice snapshot take disk --store "dir:$T" --name now --chunk-size 4K
  qemu-io -f raw -c 'write -P 3 1M 4k' -c 'write -P 3 1028k 4k' -c flush "$(uri disk)"
  generation=$(sluice --json cbt info disk >"$T/info" && json "$T/info" 'd["generation_id"]')
  explain --since "$generation:1"
  same changed $((64 * 1024 + MIB + 256 * 1024)) "$(json "$T/explained" 'd["changed_bytes"]')"
  same runs '[(131072, 2048), (262144, 512), (0, 128)]' \
    "$(json "$T/explained" '[(r["first_sector"], r["sector_count"]) for r in d["runs"]]')"
  same 'most changed region' "(131072, $MIB)" \
    "$(json "$T/explained" '(d["regions"][0]["first_sector"], d["regions"][0]["changed_bytes"])')"
  same source 'image disk@now' "$(json "$T/explained" 'd["zero_source"]')"
  # The zeroes written, and the rest of the first tracking block, which was never written.
  same zeroes $(((256 + 60) * 1024)) "$(json "$T/explained" 'd["zero_bytes"]')"
  same 'blocks of 64 MiB' '(3, 201326592)' \
    "$(json "$T/explained" '(d["sizes"][-1]["changed_block_count"], d["sizes"][-1]["changed_bytes"])')"
  same 'blocks of 4 KiB' '(4096, 2, 8192)' \
    "$(json "$T/explained" 'tuple(d["recent_sizes"][0][k] for k in ("block_size_bytes", "changed_block_count", "changed_bytes"))')"
  sluice cbt explain disk --top 1 | grep -F 'Finer ones, for what was written since disk@now:'
}
bad_input() {
  refused ENODATA sluice cbt explain disk --since "b2f7b1a6-3f77-4b1c-9c1b-000000000000:1"
  refused 'give 1 to 1024' sluice cbt explain disk --top 0
  refused ENODEV sluice cbt explain nope
}

check written-is-explained written_is_explained
check bad-input bad_input
