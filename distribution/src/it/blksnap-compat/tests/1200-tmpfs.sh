#!/usr/bin/env bash
# Difference storage in a file in memory.
. "${BASH_SOURCE%/*}/../common.sh"
load
storage=$(mktemp /dev/shm/diff_storage.XXXXXX)
truncate -s $((32 * MIB)) "$storage"
two_disks_round "$storage" 1G
rm "$storage"
