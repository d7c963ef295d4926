#!/usr/bin/env bash
# Difference storage in a file that is far too small at first.
. "${BASH_SOURCE%/*}/../common.sh"
load
truncate -s 4096 "$WORK/storage"
two_disks_round "$WORK/storage" 2G
