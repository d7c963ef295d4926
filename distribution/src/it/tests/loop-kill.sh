#!/usr/bin/env bash
# An agent is killed under a loop device that is mounted and busy: those of another agent go on, the next
# start cleans up what is left and nothing else, and the origin's file system is whole.
. "${BASH_SOURCE%/*}/../lib.sh"

OTHER=$T/other-run

can_mount() {
  [ "$(id -u)" -eq 0 ] || skip "mounting needs root"
  [ -c /dev/fuse ] || skip "no /dev/fuse"
  [ -c /dev/loop-control ] || skip "no /dev/loop-control"
}

agent
"$SLUICE_HOME/bin/sluiced" --run-dir "$OTHER" || die "the other agent did not start"
on_exit agent_stop "$OTHER"
unmount_all() {
  touch "$T/stop"
  local at
  for at in disk other image; do
    if mountpoint -q "$T/$at"; then umount -l "$T/$at"; fi
  done
  losetup -a | sed -n "s|^\(/dev/loop[0-9]*\):.*$T.*|\1|p" | xargs -r -n 1 losetup -d
} 2>/dev/null
on_exit unmount_all

# set_up RUN-DIRECTORY NAME: a device of an agent, mounted at $T/NAME.
set_up() {
  truncate -s 64M "$T/$2.img"
  SLUICE_RUN=$1 sluice device add "$2" "$T/$2.img"
  mkdir "$T/$2"
  SLUICE_RUN=$1 sluice export loop "$2" >"$T/$2.loop"
  mkfs.ext4 -q "$(cat "$T/$2.loop")"
  mount -o errors=remount-ro "$(cat "$T/$2.loop")" "$T/$2"
}

# write_for_ever NAME: each line of $T/NAME.log names a file that was synced.
write_for_ever() {
  local i=0
  while [ ! -e "$T/stop" ]; do
    head -c 30000 /dev/urandom >"$T/$1/file.$i" && sync "$T/$1/file.$i" || break
    (cd "$T/$1" && sha256sum "file.$i") >>"$T/$1.log" || break
    i=$(((i + 1) % 200))
    [ "$i" -ne 0 ] || : >"$T/$1.log"
  done
} 2>/dev/null
# log_lines NAME
log_lines() { wc -l <"$T/$1.log"; }
grows() { [ "$(log_lines "$1")" -gt "$2" ]; }

killed_under_a_busy_mount() {
  can_mount
  set_up "$RUN" disk
  set_up "$OTHER" other
  # Neither is the agent's own: somebody's loop device, on a file beside the agent's.
  truncate -s 1M "$T/bystander.img"
  losetup -f --show "$T/bystander.img" >"$T/bystander.loop"
  : >"$T/disk.log"; : >"$T/other.log"
  write_for_ever disk &
  local writer=$!
  write_for_ever other &
  until_true 20 grows disk 10
  sluice snapshot take disk --store "dir:$T" --name s >/dev/null
  local image seen
  image=$(sluice export loop disk@s)
  mkdir "$T/image"
  mount -o ro "$image" "$T/image"
  kill -9 "$(agent_pid "$RUN")"
  # Whoever waits for the dead gets an error.
  timeout 30 tail --pid="$writer" -f /dev/null
  ! kill -0 "$writer" 2>/dev/null
  seen=$(log_lines other)
  until_true 20 grows other "$seen"
  timeout 20 sync -f "$T/other"
  figure "$(log_lines disk) files were synced when the agent was killed; the other agent's disk went on"
}

the_next_start_cleans_up() {
  can_mount
  mountpoint -q "$T/other" || skip "the file system of the case before is not mounted"
  local from=$EPOCHREALTIME
  "$SLUICE_HOME/bin/sluiced" --run-dir "$RUN"
  figure "the next start took $(((${EPOCHREALTIME/./} - ${from/./}) / 1000)) ms"
  grep 'was left by an agent that did not end well' "$RUN/sluiced.log"
  timeout 20 umount "$T/image" "$T/disk"
  gone() { ! losetup -a | grep "$RUN/fuse"; }
  until_true 10 gone
  losetup "$(cat "$T/bystander.loop")" | grep bystander.img
  losetup "$(cat "$T/other.loop")" | grep "$OTHER"
  mountpoint -q "$T/other"
  same 'devices' disk "$(sluice --json device list >"$T/devices.json"; json "$T/devices.json" 'd[0]["name"]')"
  losetup -d "$(cat "$T/bystander.loop")"
}

the_origin_is_whole() {
  can_mount
  [ -s "$T/disk.log" ] || skip "the file system of the case before is not mounted"
  local loop status=0
  loop=$(sluice export loop disk)
  mount "$loop" "$T/disk" # plays the journal back
  (cd "$T/disk" && sha256sum --quiet -c "$T/disk.log")
  umount "$T/disk"
  e2fsck -fn "$loop"
  sluice export remove "$loop"
  touch "$T/stop"
  until_true 20 unmounted_other
  SLUICE_RUN=$OTHER sluice export remove "$(cat "$T/other.loop")"
  e2fsck -fn "$T/other.img"
}
unmounted_other() { umount "$T/other" 2>/dev/null; ! mountpoint -q "$T/other"; }

check killed-under-a-busy-mount killed_under_a_busy_mount
check the-next-start-cleans-up the_next_start_cleans_up
check the-origin-is-whole the_origin_is_whole
