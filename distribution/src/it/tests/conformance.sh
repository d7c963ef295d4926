#!/usr/bin/env bash
# The NBD checklist, item by item, by a client that says what no real one would: conformance/probe.py.
. "${BASH_SOURCE%/*}/../lib.sh"

export PYTHONDONTWRITEBYTECODE=1
random_file "$T/disk.img" 8
truncate -s $((16 * MIB)) "$T/disk.img"
cp --sparse=always "$T/disk.img" "$T/before.img"
truncate -s 5G "$T/large.img"
agent
sluice device add disk "$T/disk.img" || die "device add"
sluice device add large "$T/large.img" || die "device add"
sluice export nbd disk --name ro --read-only --description 'a description' || die "export"

# probe ITEM CASE
probe() {
  proves "$1" raw
  cp "$T/before.img" "$T/refill.img"
  nbdcopy "$T/refill.img" "$(uri disk)"
  "$PYTHON" "$IT_DIR/conformance/probe.py" "$2" "$RUN/nbd.sock"
}
# A read that the device fails is an error in its own words, and the next one is served.
read_error() {
  proves read-error qemu-io libnbd
  need_libnbd
  sluice filter attach disk fault
  sluice filter ctl disk fault add error op=read range=1M+64K
  if qemu-io -f raw -c 'read 1M 4k' "$(uri disk)" >"$T/io" 2>&1; then cat "$T/io"; return 1; fi
  grep -q 'Input/output error' "$T/io"
  "$PYTHON" - "$(uri disk)" <<'PYTHON'
import errno, nbd, sys
handle = nbd.NBD()
handle.connect_uri(sys.argv[1])
before = handle.pread(65536, 512 << 10)
for length in (512, 4 << 20):
    try:
        handle.pread(length, 1 << 20)
        raise SystemExit("a read of lost bytes was answered")
    except nbd.Error as e:
        assert e.errno == "EIO", e
assert handle.pread(65536, 512 << 10) == before
PYTHON
  sluice filter detach disk fault
}
# Who is in an export that is taken away is told, and let go.
shutdown() {
  proves shutdown libnbd
  need_libnbd
  sluice export nbd disk --name leaving
  "$PYTHON" - "$(uri leaving)" <<'PYTHON'
import nbd, subprocess, sys
handle = nbd.NBD()
handle.connect_uri(sys.argv[1])
handle.pread(512, 0)
subprocess.run(["sluice", "export", "remove", "leaving", "--mode", "soft"], check=True)
try:
    handle.pread(512, 0)
    raise SystemExit("served after its end")
except nbd.Error as e:
    assert e.errno in ("ESHUTDOWN", "ENOTCONN", "EPIPE", "ECONNRESET", None), e.errno
PYTHON
  refused leaving nbdinfo --size "$(uri leaving)"
}
# The file grows while clients are connected: the next one sees it, and no command does it.
resize() {
  proves resize nbdinfo raw
  random_file "$T/growing.img" 4
  sluice device add growing "$T/growing.img"
  truncate -s $((6 * MIB)) "$T/growing.img"
  grown() { [ "$(nbdinfo --size "$(uri growing)")" -eq $((6 * MIB)) ]; }
  until_true 10 grown
  "$PYTHON" - "$IT_DIR" "$RUN/nbd.sock" <<'PYTHON'
import sys
sys.path.insert(0, sys.argv[1] + "/python")
from rawnbd import *
connection = enter(sys.argv[2], "growing")
assert connection.size == 6 << 20
assert not connection.flags & 1 << 9
assert connection.ask(RESIZE, 8 << 20).error == EINVAL
assert len(connection.read((6 << 20) - 512, 512)) == 512
PYTHON
  sluice device remove growing
}

for case in greeting client-flags unknown-option option-limits export-name list-with-data abort info-go \
  go-without-block-size block-size-values structured-reply meta-contexts meta-other-export block-status \
  block-status-none block-status-huge read-structured read-df zero-length write-past-end read-past-end \
  write-read-only flush fua trim cache write-zeroes long-without-payload payload-limit unknown-command \
  bad-magic disc errors flags ordering extended-headers block-status-payload handshake-limits \
  client-lessons; do
  check "$case" probe "$case" "${case//-/_}"
done
check list probe list list_exports
check read-error read_error
check shutdown shutdown
check resize resize
