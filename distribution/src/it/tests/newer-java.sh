#!/usr/bin/env bash
# The agent and its clients on Java 25, which restricts what 17 allowed.
. "${BASH_SOURCE%/*}/../lib.sh"

on_java_25() {
  local newer
  newer=$(find_jdk 25) || skip "no JDK 25 on this machine"
  export JAVA_HOME=$newer
  random_file "$T/disk.img" 16
  cp "$T/disk.img" "$T/before.img"
  "$SLUICE_HOME/bin/sluiced" --run-dir "$RUN"
  sluice version
  sluice device add disk "$T/disk.img"
  sluice snapshot take disk --store "dir:$T" --name cut
  qemu-io -f raw -c 'write -P 1 0 8M' -c 'write -z -u 8M 4M' -c 'discard 12M 1M' -c flush "$(uri disk)"
  nbdcopy "$(uri disk@cut)" "$T/copy.raw"
  cmp "$T/before.img" "$T/copy.raw"
  sluice snapshot destroy cut
  sluice shutdown
  # A restricted method, a library that may not be loaded: warnings now, errors in the version after.
  if grep -i 'warning\|exception' "$RUN/sluiced.log"; then return 1; fi
}
on_exit agent_stop "$RUN"

check java-25 on_java_25
