#!/usr/bin/env bash
# Seeded rounds of writes, zeroes, discards, growth and takes, while others read images and their maps:
# python/map_oracle.py. MAP_ORACLE_ROUNDS and MAP_ORACLE_SEED choose which.
. "${BASH_SOURCE%/*}/../lib.sh"

export PYTHONDONTWRITEBYTECODE=1
ROUNDS=${MAP_ORACLE_ROUNDS:-500}
SEED=${MAP_ORACLE_SEED:-20261128}
# Tracking blocks and chunks of 4 KiB, so that a small device has many.
agent --set sluice.blksnap.tracking_block_minimum_shift=12 --set sluice.blksnap.diff_storage_minimum=2048

# oracle DEVICE ROUNDS [MUTANT]: on a device of its own.
oracle() {
  head -c $((1 * MIB)) /dev/urandom >"$T/$1.img"
  truncate -s $((2 * MIB)) "$T/$1.img"
  sluice device add "$1" "$T/$1.img"
  mkdir "$T/$1.work"
  "$PYTHON" "$IT_DIR/python/map_oracle.py" "$RUN" "$1" "$T/$1.img" "$T/$1.work" "$2" "$SEED" "${@:3}"
}
rounds() {
  proves dirty-bitmap,incremental-backup,block-status,read-structured libnbd nbdcopy qemu-img
  need_libnbd
  oracle disk "$ROUNDS"
}
# kills MUTANT WORDS: the oracle finds the mistake, and for what it is.
kills() {
  need_libnbd
  if oracle "$1" 60 "$1" >"$T/mutant" 2>&1; then echo "$1 survived"; return 1; fi
  cat "$T/mutant"
  grep -q "^round [0-9]*: .*$2" "$T/mutant"
  figure "found in $(grep -o '^round [0-9]*' "$T/mutant")"
}

check rounds rounds
check kills-live-image kills live-image 'differs at byte'
check kills-live-zeroes kills live-zeroes 'is said to be zero, and was not'
check kills-later-base kills later-base 'is not in the bitmap'
check kills-void-base kills void-base 'a void base has'
