#!/usr/bin/env bash
# The scripts in ../blksnap-compat, whose algorithms are those of the original module's own tests, with
# nothing but shims for losetup, modprobe and modinfo. Each has an agent of its own.
. "${BASH_SOURCE%/*}/../lib.sh"

COMPAT=$IT_DIR/blksnap-compat
SYSTEM_LOSETUP=$(command -v losetup || true)
SYSTEM_MODPROBE=$(command -v modprobe || true)
SYSTEM_MODINFO=$(command -v modinfo || true)
export SYSTEM_LOSETUP SYSTEM_MODPROBE SYSTEM_MODINFO

needs() {
  [ "$(id -u)" -eq 0 ] || skip "mounting needs root"
  [ -c /dev/fuse ] || skip "no /dev/fuse"
  [ -c /dev/loop-control ] || skip "no /dev/loop-control"
}

# compat NUMBER-NAME [PROPERTY=VALUE...]: runs one against an agent with these properties.
compat() {
  local script=$COMPAT/tests/$1.sh run=$T/$1 from=$SECONDS settings=() setting status=0
  shift
  needs
  case $script in
    *6000*) have mkfs.xfs || skip "no mkfs.xfs"; grep -qw xfs /proc/filesystems || modprobe xfs || skip "the kernel has no xfs" ;;
  esac
  for setting in "$@"; do settings+=(--set "sluice.blksnap.$setting"); done
  mkdir -p "$run/work"
  "$SLUICE_HOME/bin/sluiced" --run-dir "$run/run" "${settings[@]}"
  SLUICE_RUN=$run/run WORK=$run/work PATH=$COMPAT/shims:$PATH timeout 90 bash "$script" || status=$?
  local left
  left=$(SLUICE_RUN=$run/run sluice --json device list; SLUICE_RUN=$run/run sluice --json snapshot list)
  agent_stop "$run/run"
  [ "$status" -eq 0 ] || { tail -n 20 "$run/run/sluiced.log"; return "$status"; }
  same 'devices and snapshots left' '[][]' "$(printf %s "$left" | tr -d ' \n')"
  ! grep -q "$run" /proc/mounts
  ! "$SYSTEM_LOSETUP" -a | grep "$run"
  rm -rf "$run"
  figure "$((SECONDS - from)) s"
}

for script in 1000-simple 1200-tmpfs 1300-directory 3000-cbt 4000-diff_storage 6000-snapimage_write \
  6100-snapimage_write 7000-destroy; do
  check "$script" compat "$script"
done
check 1100-blockdev compat 1100-blockdev diff_storage_minimum=65536
check 2000-stretch compat 2000-stretch diff_storage_minimum=65536
