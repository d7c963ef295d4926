#!/usr/bin/env bash
# Rounds of: mount, write, take, mount the image read-only, compare checksums, unmount, destroy; while a
# writer on a second disk in each snapshot never stops. Nothing is left behind, and nothing grows.
#   ROUNDS=N    how many; by default 40
. "${BASH_SOURCE%/*}/../lib.sh"

ROUNDS=${ROUNDS:-40}
WARM_UP_ROUNDS=20
GROWTH_MAX_MIB=48

can_mount() {
  [ "$(id -u)" -eq 0 ] || skip "mounting needs root"
  [ -c /dev/fuse ] || skip "no /dev/fuse"
  [ -c /dev/loop-control ] || skip "no /dev/loop-control"
}

agent
unmount_all() {
  touch "$T/stop"
  for at in image round busy; do
    if mountpoint -q "$T/$at"; then umount "$T/$at" || umount -l "$T/$at"; fi
  done
} 2>/dev/null
on_exit unmount_all

set_up() { # NAME MEBIBYTES
  truncate -s $(($2 * MIB)) "$T/$1.img"
  sluice device add "$1" "$T/$1.img"
  mkdir "$T/$1"
  sluice export loop "$1" >"$T/$1.loop"
  mkfs.ext4 -q "$(cat "$T/$1.loop")"
}

# Files appear under their names with all they have, and keep a log of what is complete.
write_for_ever() {
  local i=0
  while [ ! -e "$T/stop" ]; do
    head -c 20000 /dev/urandom >"$T/busy/new"
    mv "$T/busy/new" "$T/busy/file.$((i++ % 50))"
  done
  echo "$i" >"$T/written"
}

descriptors() { find "/proc/$(agent_pid "$RUN")/fd" -mindepth 1 | wc -l; }
threads() { find "/proc/$(agent_pid "$RUN")/task" -mindepth 1 -maxdepth 1 | wc -l; }
loops() { losetup -a | grep -c "$RUN" || true; }
mounts() { grep -c "$T" /proc/mounts || true; }
state() { echo "$(descriptors) descriptors, $(threads) threads, $(loops) loop devices, $(mounts) mounts, $(resident_mib) MiB resident"; }

one_round() {
  local loop
  mount "$(cat "$T/round.loop")" "$T/round"
  rm -f "$T/round/sums"
  head -c $((4096 + $1 * 1013 % 200000)) /dev/urandom >"$T/round/file.$(($1 % 7))"
  (cd "$T/round" && sha256sum file.* >sums)
  sluice snapshot take busy round --store "dir:$T" --name "r$1" >/dev/null
  echo changed >"$T/round/file.$(($1 % 7))"
  loop=$(sluice export loop "round@r$1" --read-only)
  mount -o ro "$loop" "$T/image"
  (cd "$T/image" && sha256sum --quiet -c sums)
  umount "$T/image"
  if [ $(($1 % 20)) -eq 0 ]; then
    sluice --json snapshot info "r$1" >"$T/info.json"
    same 'warnings' "['', '']" "$(json "$T/info.json" '[f["warning"] for f in d["freezes"]]')"
    e2fsck -fn "$(sluice export loop "busy@r$1" --read-only)"
  fi
  sluice snapshot destroy "r$1"
  umount "$T/round"
}

rounds() {
  can_mount
  mkdir "$T/image"
  set_up busy 64
  set_up round 64
  mount "$(cat "$T/busy.loop")" "$T/busy"
  write_for_ever &
  local writer=$! before i from fds loops mounts threads resident
  for ((i = 1; i <= WARM_UP_ROUNDS; i++)); do one_round "$i"; done
  before=$(state)
  fds=$(descriptors) loops=$(loops) mounts=$(mounts) threads=$(threads) resident=$(resident_mib)
  from=$EPOCHREALTIME
  for ((; i <= WARM_UP_ROUNDS + ROUNDS; i++)); do one_round "$i"; done
  local millis=$(((${EPOCHREALTIME/./} - ${from/./}) / 1000 / ROUNDS))
  kill -0 "$writer"
  figure "$ROUNDS rounds of $millis ms, after $WARM_UP_ROUNDS to warm up"
  figure "before: $before"
  figure "after:  $(state)"
  same 'loop devices' "$loops" "$(loops)"
  same 'mounts' "$mounts" "$(mounts)"
  # A thread that stores may be there still, or not yet.
  [ "$(descriptors)" -le $((fds + 4)) ] || { echo "descriptors: $fds, then $(descriptors)"; return 1; }
  [ "$(threads)" -le $((threads + 6)) ] || { echo "threads: $threads, then $(threads)"; return 1; }
  [ "$(resident_mib)" -le $((resident + GROWTH_MAX_MIB)) ] || { echo "resident: $resident MiB, then $(resident_mib)"; return 1; }
  touch "$T/stop"
  wait "$writer"
  figure "the writer wrote $(cat "$T/written") files meanwhile"
  umount "$T/busy"
  e2fsck -fn "$(cat "$T/busy.loop")"
}

check rounds rounds
