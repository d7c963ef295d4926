#!/usr/bin/env bash
# Difference storage on a block device.
. "${BASH_SOURCE%/*}/../common.sh"
load diff_storage_minimum=65536
truncate -s $((128 * MIB)) "$WORK/diff_storage"
storage=$(losetup -f --show "$WORK/diff_storage")
_loops+=("$storage")
two_disks_round "$storage" 1G
