#!/usr/bin/env bash
# The field's NBD clients on a live device, with and without tracking.
. "${BASH_SOURCE%/*}/../lib.sh"

# Data, a hole, written zeroes, data.
random_file "$T/disk.img" 16
truncate -s $((32 * MIB)) "$T/disk.img"
head -c $((16 * MIB)) /dev/zero >>"$T/disk.img"
head -c $((16 * MIB)) /dev/urandom >>"$T/disk.img"
cp --sparse=always "$T/disk.img" "$T/before.img"
SIZE=$((64 * MIB))

agent
sluice device add disk "$T/disk.img" || die "device add"
U=$(uri disk)

nbdinfo_plain() {
  proves greeting,info-go,structured-reply nbdinfo
  nbdinfo "$U" | tee "$T/info"
  grep -q 'newstyle-fixed without TLS, using structured packets' "$T/info"
  grep -q "export-size: $SIZE" "$T/info"
  grep -q 'base:allocation' "$T/info"
}
nbdinfo_json() {
  nbdinfo --json "$U" >"$T/info.json"
  same size "$SIZE" "$(json "$T/info.json" 'd["exports"][0]["export-size"]')"
  same block-size-minimum True "$(json "$T/info.json" 'd["exports"][0]["block_size_minimum"] <= 512')"
  same multi-conn True "$(json "$T/info.json" 'd["exports"][0]["can_multi_conn"]')"
}
nbdinfo_list() {
  proves list nbdinfo
  nbdinfo --list --json "$(uri '')" >"$T/list.json"
  same names "['disk']" "$(json "$T/list.json" '[e["export-name"] for e in d["exports"]]')"
}
nbdinfo_size() { same size "$SIZE" "$(nbdinfo --size "$U")"; }
nbdinfo_can() {
  proves multi-conn,flags nbdinfo
  local what
  for what in write flush fua trim zero cache df multi-conn "structured reply"; do
    nbdinfo --can "$what" "$U" || { echo "can not: $what"; return 1; }
  done
}
nbdinfo_is() {
  proves flags,write-read-only nbdinfo qemu-io
  local status=0
  nbdinfo --is read-only "$U" || status=$?
  same 'read-only, live' 2 "$status"
  status=0
  nbdinfo --is tls "$U" || status=$?
  same tls 2 "$status"
  sluice export nbd disk --name just-look --read-only
  nbdinfo --is read-only "$(uri just-look)"
  if qemu-io -f raw -c 'write 0 4k' "$(uri just-look)"; then echo "was written to"; return 1; fi
  sluice export remove just-look
  if nbdinfo --size "$(uri just-look)"; then echo "still there"; return 1; fi
}
# Extents that touch one another, sum up to the size, and tell the hole from the data.
nbdinfo_map() {
  proves block-status nbdinfo
  nbdinfo --map --json "$U" >"$T/map.json"
  same sum "$SIZE" "$(json "$T/map.json" 'sum(e["length"] for e in d)')"
  same 'without gaps' True "$(json "$T/map.json" 'all(a["offset"] + a["length"] == b["offset"] for a, b in zip(d, d[1:]))')"
  same 'hole at 16 MiB' 3 "$(json "$T/map.json" '[e["type"] for e in d if e["offset"] <= 16 << 20 < e["offset"] + e["length"]][0]')"
  same 'data at 0' 0 "$(json "$T/map.json" 'd[0]["type"]')"
  nbdinfo --map --totals "$U"
}
nbdinfo_unknown() {
  proves info-go nbdinfo
  refused nope nbdinfo "$(uri nope)"
}
nbd_client_list() {
  proves list,abort nbd-client
  nbd-client -l -unix "$RUN/nbd.sock" | tee "$T/list"
  # The name, and behind it the description.
  grep -q '^disk\b' "$T/list"
}
qemu_nbd_list() {
  proves list,info-go,meta-contexts qemu-nbd
  qemu-nbd -L -k "$RUN/nbd.sock" | tee "$T/list"
  grep -q "size:  $SIZE" "$T/list"
  grep -q 'base:allocation' "$T/list"
}
nbdcopy_out() {
  proves read-structured nbdcopy
  nbdcopy "$U" "$T/out.raw"
  cmp "$T/disk.img" "$T/out.raw"
  nbdcopy --no-extents "$U" "$T/plain.raw"
  cmp "$T/disk.img" "$T/plain.raw"
}
nbdcopy_in() {
  random_file "$T/new.raw" 64
  nbdcopy --flush "$T/new.raw" "$U"
  cmp "$T/new.raw" "$T/disk.img"
  nbdcopy "$T/before.img" "$U"
  cmp "$T/before.img" "$T/disk.img"
}
qemu_img_info() {
  qemu-img info --output=json "$U" >"$T/info.json"
  same size "$SIZE" "$(json "$T/info.json" 'd["virtual-size"]')"
}
# The same zeroes as nbdinfo sees.
qemu_img_map() {
  proves block-status qemu-img
  qemu-img map --output=json "$U" >"$T/qemu-map.json"
  nbdinfo --map --json "$U" >"$T/map.json"
  same zeroes "$(json "$T/map.json" 'sum(e["length"] for e in d if e["type"] & 2)')" \
    "$(json "$T/qemu-map.json" 'sum(e["length"] for e in d if e["zero"])')"
}
qemu_img_convert() {
  qemu-img convert -f raw -O qcow2 "$U" "$T/out.qcow2"
  # The agent holds the file against qemu, as it should; so qemu gets a copy.
  cp "$T/disk.img" "$T/seen.img"
  qemu-img compare -f qcow2 -F raw "$T/out.qcow2" "$T/seen.img"
  qemu-img compare -f raw -F raw "$U" "$T/seen.img"
}
qemu_io_patterns() {
  proves write-zeroes,trim,fua,flush qemu-io
  qemu-io -f raw -c 'write -P 0x5a 4k 4k' -c 'read -P 0x5a 4k 4k' \
    -c 'write -z -u 1M 1M' -c 'read -P 0 1M 1M' -c 'write -z 2M 64k' -c 'read -P 0 2M 64k' \
    -c 'write -f -P 7 3M 512' -c 'read -P 7 3M 512' -c 'discard 4M 1M' -c 'aio_write -P 3 6M 1M' \
    -c aio_flush -c 'read -P 3 6M 1M' -c flush "$U" | tee "$T/io"
  if grep -i 'verification failed\|error\|invalid' "$T/io"; then return 1; fi
  # The origin has it, and next to it nothing changed.
  cp "$T/disk.img" "$T/seen.img"
  qemu-io -r -f raw -c 'read -P 0x5a 4k 4k' -c 'read -P 0 1M 1M' "$T/seen.img" | tee "$T/io"
  if grep -i 'verification failed' "$T/io"; then return 1; fi
  cmp -n 4096 "$T/before.img" "$T/disk.img"
  cmp -n $((1 * MIB)) -i $((5 * MIB)) "$T/before.img" "$T/disk.img"
}
freed_by_unmap() {
  proves trim,write-zeroes qemu-io
  sync "$T/disk.img"
  local blocks
  blocks=$(stat -c %b "$T/disk.img")
  qemu-io -f raw -c 'write -P 9 8M 4M' -c flush -c 'write -z -u 8M 4M' -c 'discard 0 2M' -c flush "$U"
  figure "allocated blocks of the file: $blocks before, $(stat -c %b "$T/disk.img") after"
  [ "$(stat -c %b "$T/disk.img")" -lt "$blocks" ]
}
fio_verify() {
  fio --name=verify --ioengine=nbd --uri="$U" --rw=randrw --bs=4k --size=16M --iodepth=16 \
    --verify=crc32c --verify_fatal=1 --output="$T/fio.txt" || { cat "$T/fio.txt"; return 1; }
  grep -q 'err= 0' "$T/fio.txt"
}
fio_many() {
  fio --name=many --ioengine=nbd --uri="$U" --rw=randrw --bsrange=512-128k --bs_unaligned=0 \
    --blockalign=512 --size=8M --offset_increment=8M --numjobs=4 --iodepth=8 --verify=crc32c \
    --verify_fatal=1 --output="$T/fio.txt" || { cat "$T/fio.txt"; return 1; }
  same 'jobs without error' 4 "$(grep -c 'err= 0' "$T/fio.txt")"
}
multi_conn() {
  proves multi-conn,flush,fua libnbd
  need_libnbd
  "$PYTHON" - "$U" <<'END'
import nbd, sys
a, b = nbd.NBD(), nbd.NBD()
for handle in (a, b):
    handle.connect_uri(sys.argv[1])
assert b.pread(4096, 1 << 20) is not None
a.pwrite(b"\x11" * 4096, 1 << 20)
a.flush()
assert b.pread(4096, 1 << 20) == b"\x11" * 4096, "b does not see what a wrote"
b.pwrite(b"\x22" * 4096, 1 << 20, nbd.CMD_FLAG_FUA)
assert a.pread(4096, 1 << 20) == b"\x22" * 4096, "a does not see what b wrote"
END
}
reconnects() {
  local i
  for i in $(seq 50); do nbdinfo --size "$U" >"$T/size"; done
  same size "$SIZE" "$(cat "$T/size")"
}

cases() {
  check "nbdinfo$1" nbdinfo_plain
  check "nbdinfo-json$1" nbdinfo_json
  check "nbdinfo-list$1" nbdinfo_list
  check "nbdinfo-size$1" nbdinfo_size
  check "nbdinfo-can$1" nbdinfo_can
  check "nbdinfo-is$1" nbdinfo_is
  check "nbdinfo-map$1" nbdinfo_map
  check "nbdinfo-unknown$1" nbdinfo_unknown
  check "nbd-client-list$1" nbd_client_list
  check "qemu-nbd-list$1" qemu_nbd_list
  check "nbdcopy-out$1" nbdcopy_out
  check "nbdcopy-in$1" nbdcopy_in
  check "qemu-img-info$1" qemu_img_info
  check "qemu-img-map$1" qemu_img_map
  check "qemu-img-convert$1" qemu_img_convert
  check "qemu-io$1" qemu_io_patterns
  check "freed-by-unmap$1" freed_by_unmap
  check "fio-verify$1" fio_verify
  check "fio-many-connections$1" fio_many
  check "multi-conn$1" multi_conn
  check "fifty-connections$1" reconnects
}
cases ''
sluice filter attach disk blksnap || die "filter attach"
nbdcopy "$T/before.img" "$U"
# The same again proves nothing more.
SLUICE_PROOFS=''
cases -tracked
