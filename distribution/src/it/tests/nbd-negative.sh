#!/usr/bin/env bash
# What clients do wrong, one case each: the server says so where the protocol has a word for it, ends the
# connection where it has none, and serves the next client as if nothing had been.
. "${BASH_SOURCE%/*}/../lib.sh"

SIZE=$((16 * MIB))
agent
random_file "$T/disk.img" 16
cp "$T/disk.img" "$T/reference.img"
sluice device add disk "$T/disk.img" || die "device add"
sluice export nbd disk --name ro --read-only || die "export nbd"

# wrong CODE: runs it, and then sees that a right client is served and the origin is as it was.
wrong() {
  SOCK=$RUN/nbd.sock SIZE=$SIZE timeout 60 "$PYTHON" -B -c "
import sys; sys.path.insert(0, '$IT_DIR')
from nbdwire import *
$1"
  same size "$SIZE" "$(nbdinfo --size "$(uri disk)")"
  cmp "$T/disk.img" "$T/reference.img"
}

client_flags() { proves client-flags raw; wrong 'w = Wire(4); w.ended()'; }
no_fixed_newstyle() { wrong 'w = Wire(0); w.option(3); w.ended()'; }
unknown_option() {
  proves unknown-option raw
  wrong 'w = Wire()
for option in (0, 4, 12, 4711, 0xffffffff): assert w.ask(option, b"x" * 100) == UNSUP, option
w.enter().alive()'
}
option_magic() { wrong 'w = Wire(); w.option(3, magic=b"IHAVENOT"); w.ended()'; }
option_too_big() {
  proves option-limits raw
  wrong 'w = Wire(); assert w.ask(7, b"x" * (1 << 20)) == TOO_BIG; w.enter().alive()'
}
option_huge() { proves option-limits raw; wrong 'w = Wire(); w.option(3, length=0xffffffff); w.ended()'; }
name_too_long() {
  proves option-limits raw
  wrong 'w = Wire(); assert w.ask(6, struct.pack(">I", 5000) + b"x" * 5000 + b"\0\0") == INVALID; w.enter().alive()'
}
name_length_lies() { wrong 'w = Wire(); assert w.ask(7, struct.pack(">I", 0xffffffff) + b"disk\0\0") == INVALID; w.enter().alive()'; }
info_truncated() { wrong 'w = Wire()
for n in range(10): assert w.ask(6, (struct.pack(">I", 4) + b"disk\0\1\0\3")[:n]) == INVALID, n
w.enter().alive()'; }
info_count_lies() { wrong 'w = Wire(); assert w.ask(6, struct.pack(">I", 4) + b"disk" + b"\xff\xff") == INVALID; w.enter().alive()'; }
list_with_data() { proves list-with-data raw; wrong 'w = Wire(); assert w.ask(3, b"x") == INVALID; w.enter().alive()'; }
structured_with_data() { proves structured-reply raw; wrong 'w = Wire(); assert w.ask(8, b"x") == INVALID; assert w.ask(8) == 1; assert w.ask(8) == 1'; }
unknown_export() {
  proves info-go,export-name raw
  wrong 'w = Wire(); assert w.ask(7, struct.pack(">I", 4) + b"nope\0\0") == UNKNOWN
w.option(1, b"nope"); w.ended()'
}
error_text_has_a_spare_byte() {
  proves errors raw
  wrong 'w = Wire(); w.option(7, struct.pack(">I", 4) + b"nope\0\0"); kind, text = w.reply()
assert text.endswith(b"nope."), text'
}
contexts_too_early() { proves meta-contexts raw; wrong 'w = Wire(); assert w.ask(10, struct.pack(">I", 4) + b"disk" + b"\0\0\0\0") == INVALID; w.enter().alive()'; }
contexts_lie() {
  proves meta-contexts raw
  wrong 'w = Wire(); assert w.ask(8) == 1
for tail in (b"", b"\0\0\0", b"\0\0\0\1", b"\0\0\0\1\0\0\0\xff", b"\xff\xff\xff\xff", b"\0\0\0\0x"):
    assert w.ask(10, struct.pack(">I", 4) + b"disk" + tail) == INVALID, tail
w.enter(); w.request(7, 0, 4096)
magic, flags, kind, cookie, length = struct.unpack(">IHHQI", w.take(20)); assert kind & 0x8000
assert struct.unpack(">I", w.take(length)[:4])[0] == EINVAL'
}
starttls_without() { proves starttls raw; wrong 'w = Wire(); assert w.ask(5) == UNSUP; w.enter().alive()'; }
gone_after_abort() { proves abort raw; wrong 'for i in range(20):
    w = Wire(); w.option(2); w.s.close()
w = Wire(); assert w.ask(2) == 1; w.ended()'; }
many_options() { wrong 'w = Wire()
try:
    for i in range(17000): assert w.ask(4711) == UNSUP
    raise AssertionError("no end of options")
except (EOFError, BrokenPipeError, ConnectionResetError): pass'; }

request_magic() { proves bad-magic raw; wrong 'w = Wire().enter(); w.request(0, 0, 512, magic=0x25609514); w.ended()'; }
unknown_command() {
  proves unknown-command raw
  wrong 'w = Wire().enter()
for kind in (8, 9, 100, 0xffff):
    w.request(kind, 0, 512); assert w.error() == EINVAL, kind
w.alive()'
}
unknown_flags() {
  proves unknown-command libnbd
  need_libnbd
  wrong 'h = libnbd()
for bit in range(5, 16):
    refused("EINVAL", h.pread, 512, 0, 1 << bit)
    refused("EINVAL", h.flush, 1 << bit)
    refused("EINVAL", h.trim, 512, 0, 1 << bit)
h.pread(512, 0)'
}
past_the_end() {
  proves read-past-end,write-past-end libnbd
  need_libnbd
  wrong 'h = libnbd()
refused("EINVAL", h.pread, 512, SIZE)
refused("EINVAL", h.pread, 1024, SIZE - 512)
refused("ENOSPC", h.pwrite, b"x" * 512, SIZE)
refused("ENOSPC", h.pwrite, b"x" * 1024, SIZE - 512)
refused("EINVAL", h.trim, 1024, SIZE - 512)
refused("ENOSPC", h.zero, 1024, SIZE - 512)
refused("EINVAL", h.pread, 512, 2**64 - 512)
refused("ENOSPC", h.pwrite, b"x" * 512, 2**63)
h.pread(512, SIZE - 512)'
}
empty_requests() {
  proves zero-length libnbd
  need_libnbd
  wrong 'h = libnbd(meta=True)
import nbd
for call in (lambda: h.trim(0, 0), lambda: h.zero(0, 0), lambda: h.cache(0, 0), lambda: h.pread(0, 0), lambda: h.pwrite(b"", 0)):
    try: call()
    except nbd.Error as e: assert e.errno == "EINVAL", e.string
h.pread(512, 0)'
}
oversize() {
  proves payload-limit libnbd raw
  need_libnbd
  wrong 'w = Wire().enter(); w.request(0, 0, 48 << 20); assert w.error() == EINVAL; w.alive()
w.request(1, 0, (32 << 20) + 1, data=bytes((32 << 20) + 1)); assert w.error() in (EINVAL, ENOSPC); w.alive()
w.request(1, 0, 0xffffffff); w.ended()'
}
long_without_payload() {
  proves long-without-payload raw
  wrong 'w = Wire().enter()
for kind in (4, 5, 6): w.request(kind, 0, 0xffffffff); assert w.error() in (EINVAL, ENOSPC), kind
w.alive()'
}
status_without_context() {
  proves block-status-none libnbd
  need_libnbd
  wrong 'h = libnbd()
refused("EINVAL", h.block_status, 4096, 0, lambda *a: 0)
h.pread(512, 0)'
}
status_huge() {
  proves block-status-huge,client-lessons libnbd
  need_libnbd
  wrong 'h = libnbd(meta=True)
refused("EINVAL", h.block_status, 0xffffffff, 0, lambda *a: 0)
refused("EINVAL", h.block_status, 0xfffffe00, 512, lambda *a: 0)
seen = []
h.block_status(SIZE, 0, lambda name, offset, entries, err: seen.extend(entries))
assert sum(seen[::2]) == SIZE, seen'
}
write_to_read_only() {
  proves write-read-only libnbd
  need_libnbd
  wrong 'h = libnbd("ro")
refused("EPERM", h.pwrite, b"x" * 512, 0); refused("EPERM", h.trim, 512, 0); refused("EPERM", h.zero, 512, 0)
h.flush(); h.pread(512, 0)'
}
# What nbdkit 1.32 dies of: a flag that was not advertised there. Here it is, and is quick or ENOTSUP.
fast_zero() {
  proves client-lessons,write-zeroes libnbd
  need_libnbd
  wrong 'h = libnbd("ro"); refused("EPERM", h.zero, 512, 0, 16)
h = libnbd(); import nbd, time
assert h.can_fast_zero()
data = h.pread(8192, 4096); start = time.monotonic()
try:
    h.zero(8192, 4096, nbd.CMD_FLAG_FAST_ZERO); fast = True
except nbd.Error as e:
    assert e.errno == "ENOTSUP", e.string; fast = False
assert time.monotonic() - start < 2
assert h.pread(8192, 4096) == (bytes(8192) if fast else data)
h.pwrite(data, 4096); h.flush()'
}
# NO_HOLE allocates, and without it a hole may be made.
no_hole() {
  proves write-zeroes libnbd
  need_libnbd
  truncate -s 4M "$T/sparse.img"
  sluice device add sparse "$T/sparse.img"
  "$PYTHON" - "$(uri sparse)" <<'END'
import nbd, sys
h = nbd.NBD()
h.connect_uri(sys.argv[1])
h.zero(1 << 20, 0, nbd.CMD_FLAG_NO_HOLE)
h.flush()
assert h.pread(1 << 20, 0) == bytes(1 << 20)
END
  local allocated
  allocated=$(($(stat -c %b "$T/sparse.img") * 512))
  figure "allocated after 1 MiB of zeroes with NO_HOLE: $allocated bytes"
  [ "$allocated" -ge $MIB ]
  sluice device remove sparse
}
half_a_request() { wrong 'for n in (1, 27):
    w = Wire().enter(); w.say((struct.pack(">IHHQQI", 0x25609513, 0, 0, 7, 0, 512))[:n]); w.s.close()'; }
half_a_payload() { wrong 'w = Wire().enter(); w.request(1, SIZE - 4096, 4096, data=b"x" * 100); w.s.shutdown(socket.SHUT_WR); w.ended()'; }
disconnect_in_flight() {
  proves disc raw
  wrong 'w = Wire().enter(); w.request(0, 0, 512, cookie=1); w.request(2)
assert w.error(1) == 0; w.take(512); w.ended()'
}
same_cookies() { wrong 'w = Wire().enter()
for i in range(64): w.request(0, 0, 512, cookie=5)
for i in range(64): assert w.error(5) == 0; w.take(512)'; }
garbage() { wrong 'import random
for seed in range(200):
    r = random.Random(seed)
    w = Wire(None if seed % 3 == 0 else 3)
    if seed % 3 == 2: w.enter("disk".encode(), seed % 2 == 0)
    try:
        w.say(r.randbytes(r.randrange(1, 2000))); w.s.shutdown(socket.SHUT_WR)
        while w.s.recv(65536): pass
    except OSError: pass'; }

for name in client_flags no_fixed_newstyle unknown_option option_magic option_too_big option_huge name_too_long \
  name_length_lies info_truncated info_count_lies list_with_data structured_with_data unknown_export \
  error_text_has_a_spare_byte contexts_too_early contexts_lie starttls_without gone_after_abort many_options \
  request_magic unknown_command unknown_flags past_the_end empty_requests oversize long_without_payload \
  status_without_context status_huge write_to_read_only fast_zero no_hole half_a_request half_a_payload \
  disconnect_in_flight same_cookies garbage; do
  check "${name//_/-}" "$name"
done
