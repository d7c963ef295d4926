# shellcheck shell=bash
# What the scripts share. They know nothing of Sluice: they call losetup, modprobe, modinfo and blksnap, so
# that they run against the kernel module as well. WORK is a directory of their own, on a real disk.
set -euo pipefail
: "${WORK:?a directory for the disks}"
MIB=$((1 << 20))
_loops=()
_mounts=()

say() { printf '%s\n' "$*"; }
fail() { say "FAILED: $*"; exit 1; }

_clean() {
  local status=$? at i
  set +e
  # shellcheck disable=SC2046
  kill $(jobs -p) 2>/dev/null
  wait
  for ((i = ${#_mounts[@]} - 1; i >= 0; i--)); do
    if mountpoint -q "${_mounts[i]}"; then umount "${_mounts[i]}" || umount -l "${_mounts[i]}"; fi
  done
  for at in $(blksnap snapshot_collect); do blksnap snapshot_destroy --id="$at"; done
  for at in "${_loops[@]}"; do
    blksnap detach --device="$at" 2>/dev/null
    losetup -d "$at"
  done
  exit "$status"
}
trap _clean EXIT

# load [PARAMETER=VALUE...]: nothing, where it is built in.
load() {
  [ "$(modinfo --field filename blksnap)" = '(builtin)' ] || modprobe blksnap "$@"
}

# disk NAME MEBIBYTES: an empty disk; LOOP is its device.
disk() {
  truncate -s $(($2 * MIB)) "$WORK/$1"
  LOOP=$(losetup --sector-size 512 --direct-io=on -f --show "$WORK/$1")
  _loops+=("$LOOP")
}

# mounted OPTIONS DEVICE DIRECTORY
mounted() {
  mkdir -p "$3"
  mount -o "$1" "$2" "$3"
  _mounts+=("$3")
}

# write_files DIRECTORY NAME COUNT KIBIBYTES: files of whole 64 KiB, past the page cache; but the checksums stay in it, and are in
# an image only if the file system was written out and frozen for it.
write_files() {
  local i
  for ((i = 0; i < $3; i++)); do
    dd if=/dev/urandom of="$1/$2.d$i" bs=64K count=$(($4 / 64)) iflag=fullblock oflag=direct status=none
  done
  (cd "$1" && md5sum "$2".d* >>checksums)
}

# check_files DIRECTORY
check_files() { (cd "$1" && md5sum --quiet -c checksums) || fail "the files in $1 are not as they were written"; }

# snapshot STORAGE LIMIT DEVICE...: creates and takes; ID is its id.
snapshot() {
  local storage=$1 limit=$2 devices=() device
  shift 2
  for device in "$@"; do devices+=("--device=$device"); done
  ID=$(blksnap snapshot_create "${devices[@]}" --file="$storage" --limit="$limit")
  blksnap snapshot_take --id="$ID"
}

# image DEVICE: where the image can be opened, or mounted.
image() { blksnap snapshot_info --device="$1" --field image; }

# two_disks_round STORAGE LIMIT: what 1000, 1100, 1200 and 1300 have in common. Two disks; what is in the
# images is what was on them at the take, whatever is written to them and to the images afterwards.
two_disks_round() {
  local storage=$1 limit=$2 n device=() original=() copy=()
  for n in 0 1; do
    disk "disk$n" $((64 << n))
    device[n]=$LOOP original[n]=$WORK/original$n copy[n]=$WORK/image$n
    mkfs.ext4 -q "${device[n]}"
    mounted rw "${device[n]}" "${original[n]}"
    write_files "${original[n]}" before 5 $((512 << n))
  done
  snapshot "$storage" "$limit" "${device[@]}"
  for n in 0 1; do
    rm "${original[n]}/before.d0"
    dd if=/dev/urandom of="${original[n]}/before.d1" bs=64K count=8 oflag=direct conv=notrunc status=none
    write_files "${original[n]}" after 5 $((512 << n))
    mounted rw "$(image "${device[n]}")" "${copy[n]}"
    check_files "${copy[n]}"
    [ ! -e "${copy[n]}/after.d0" ] || fail "image $n has what was written after the take"
    write_files "${copy[n]}" image 3 512
    check_files "${copy[n]}"
    umount "${copy[n]}"
    mounted rw "$(image "${device[n]}")" "${copy[n]}"
    check_files "${copy[n]}"
    [ -e "${copy[n]}/image.d0" ] || fail "image $n lost what was written to it"
    umount "${copy[n]}"
  done
  blksnap snapshot_destroy --id="$ID"
  for n in 0 1; do
    umount "${original[n]}"
    mounted rw "${device[n]}" "${original[n]}"
    # All but the two files that were changed since.
    (cd "${original[n]}" && grep -v 'before.d[01]$' checksums | md5sum --quiet -c -) || fail "disk $n is damaged"
    umount "${original[n]}"
    blksnap detach --device="${device[n]}"
    e2fsck -fn "${device[n]}" >/dev/null || fail "the file system of disk $n is damaged"
  done
}
