#!/usr/bin/env bash
# Difference storage in a file without a name in a directory: nobody sees it, and it goes by itself.
. "${BASH_SOURCE%/*}/../common.sh"
load
mkdir "$WORK/storage"
two_disks_round "$WORK/storage" 1G
[ -z "$(ls -A "$WORK/storage")" ] || fail "something is left in the directory"
