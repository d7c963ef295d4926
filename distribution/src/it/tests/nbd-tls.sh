#!/usr/bin/env bash
# TLS and who is let in, with real clients: certificates that are right, foreign or missing; TLS that is
# required, offered, or asked for by one export; rules that change while the agent runs.
. "${BASH_SOURCE%/*}/../lib.sh"

# Certificates: an authority with a server, alice and bob; and a foreign one with its own alice.
authority() {
  mkdir -p "$1"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=authority" \
    -addext basicConstraints=critical,CA:TRUE -keyout "$1/key.pem" -out "$1/ca-cert.pem" 2>/dev/null
}
# signed AUTHORITY DIRECTORY server|client NAME
signed() {
  mkdir -p "$2"
  cp "$1/ca-cert.pem" "$2/ca-cert.pem"
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$4" \
    -keyout "$2/$3-key.pem" -out "$T/request.pem" 2>/dev/null
  openssl x509 -req -in "$T/request.pem" -CA "$1/ca-cert.pem" -CAkey "$1/key.pem" -CAcreateserial \
    -days 2 -extfile <(echo "subjectAltName=DNS:localhost,IP:127.0.0.1") -out "$2/$3-cert.pem" 2>/dev/null
}
authority "$T/ca" && authority "$T/foreign-ca" || die "openssl req"
signed "$T/ca" "$T/server" server localhost || die "openssl x509"
signed "$T/ca" "$T/alice" client alice
signed "$T/ca" "$T/bob" client bob
signed "$T/foreign-ca" "$T/stranger" client alice
# A client without a certificate; one that trusts somebody else; and a stranger who trusts this server.
mkdir "$T/nobody" && cp "$T/ca/ca-cert.pem" "$T/nobody/"
mkdir "$T/misled" && cp "$T/foreign-ca/ca-cert.pem" "$T/misled/"
cp "$T/ca/ca-cert.pem" "$T/stranger/"

free_port() { "$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
OFFERED=$(free_port)
REQUIRED=$(free_port)
random_file "$T/disk.img" 16
random_file "$T/secret.img" 1
agent --set "sluice.nbd.tls.dir=$T/server" \
  --set "sluice.nbd.tcp=127.0.0.1:$OFFERED,127.0.0.1:$REQUIRED;tls=required" \
  --set "sluice.nbd.unix=$T/strict.sock;tls=required"
sluice device add disk "$T/disk.img" || die "device add"
sluice device add secret "$T/secret.img" || die "device add"

# tls WHO PORT EXPORT
tls() { printf 'nbds://localhost:%s/%s?tls-certificates=%s' "$2" "$3" "$T/$1"; }

copy_tcp() {
  proves uri-forms,tls-version nbdcopy nbdinfo
  nbdcopy "$(tls nobody "$OFFERED" disk)" "$T/out.raw"
  cmp "$T/disk.img" "$T/out.raw"
  nbdinfo "$(tls nobody "$OFFERED" disk)" | tee "$T/info"
  grep -q 'newstyle-fixed with TLS' "$T/info"
  nbdinfo --is tls "$(tls nobody "$OFFERED" disk)"
}
copy_in() {
  proves uri-forms nbdcopy
  random_file "$T/in.raw" 16
  nbdcopy --flush "$T/in.raw" "$(tls nobody "$OFFERED" disk)"
  cmp "$T/in.raw" "$T/disk.img"
}
copy_unix() {
  proves uri-forms nbdinfo
  local uri="nbds+unix:///disk?socket=$T/strict.sock&tls-certificates=$T/nobody&tls-verify-peer=false"
  same size $((16 * MIB)) "$(nbdinfo --size "$uri")"
  same mode 600 "$(stat -c %a "$T/strict.sock")"
}
several_connections() {
  proves multi-conn nbdcopy
  nbdcopy --connections=4 --requests=16 "$(tls nobody "$OFFERED" disk)" "$T/out4.raw"
  cmp "$T/disk.img" "$T/out4.raw"
}
qemu_img() {
  proves starttls qemu-img
  qemu-img convert -O raw --object "tls-creds-x509,id=t,dir=$T/nobody,endpoint=client" --image-opts \
    "driver=nbd,server.type=inet,server.host=localhost,server.port=$OFFERED,export=disk,tls-creds=t" "$T/qemu.raw"
  cmp "$T/disk.img" "$T/qemu.raw"
}
misled_client() { refused . nbdinfo "$(tls misled "$OFFERED" disk)"; }
old_version() {
  proves tls-version openssl
  local version
  for version in tls1 tls1_1; do
    starttls "$OFFERED" "$version" | tee "$T/old"
    grep -q 'refused' "$T/old"
  done
  starttls "$OFFERED" tls1_2 | grep 'TLSv1.2'
  starttls "$OFFERED" tls1_3 | grep 'TLSv1.3'
}
# starttls PORT VERSION: STARTTLS with a hello of this version alone, by openssl over a relay that talks NBD first.
starttls() {
  "$PYTHON" - "$1" "$2" <<'END'
import socket, struct, subprocess, sys, threading
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.recv(18, socket.MSG_WAITALL)
s.sendall(struct.pack(">I", 3) + b"IHAVEOPT" + struct.pack(">II", 5, 0))
s.recv(20, socket.MSG_WAITALL)
listener = socket.create_server(("127.0.0.1", 0))
def relay():
    c = listener.accept()[0]
    def copy(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass
        try:
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass
    threading.Thread(target=copy, args=(s, c), daemon=True).start()
    copy(c, s)
threading.Thread(target=relay, daemon=True).start()
out = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % listener.getsockname()[1],
    "-" + sys.argv[2], "-cipher", "DEFAULT@SECLEVEL=0"], input=b"", capture_output=True, timeout=20)
text = out.stdout.decode() + out.stderr.decode()
done = "Cipher is (NONE)" not in text and "Cipher is" in text
print(sys.argv[2], "accepted" if done else "refused", text[-20000:])
END
}

forced_plain() {
  proves forcedtls nbdinfo libnbd raw
  need_libnbd
  refused . nbdinfo "nbd://127.0.0.1:$REQUIRED/disk"
  refused . nbdinfo --list "nbd://127.0.0.1:$REQUIRED/"
  # LIST is answered with TLS_REQD, EXPORT_NAME ends the connection.
  "$PYTHON" - "$REQUIRED" <<'END'
import socket, struct, sys
def link():
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
    s.recv(18, socket.MSG_WAITALL)
    s.sendall(struct.pack(">I", 3))
    return s
s = link()
for option in (3, 6, 7, 8, 9, 10, 11, 99):
    s.sendall(b"IHAVEOPT" + struct.pack(">II", option, 0))
    magic, opt, reply, length = struct.unpack(">QIII", s.recv(20, socket.MSG_WAITALL))
    assert reply == 0x80000005, (option, hex(reply))
    s.recv(length, socket.MSG_WAITALL)
s.sendall(b"IHAVEOPT" + struct.pack(">II", 2, 0))
assert struct.unpack(">QIII", s.recv(20, socket.MSG_WAITALL))[2] == 1
s = link()
s.sendall(b"IHAVEOPT" + struct.pack(">II", 1, 4) + b"disk")
assert s.recv(1) == b""
END
  nbdinfo --size "$(tls nobody "$REQUIRED" disk)"
}
injection() {
  proves tls-injection raw
  "$PYTHON" - "$OFFERED" <<'END'
import socket, struct, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
s.recv(18, socket.MSG_WAITALL)
s.sendall(struct.pack(">I", 3) + b"IHAVEOPT" + struct.pack(">II", 5, 0) + b"IHAVEOPT" + struct.pack(">II", 3, 0))
assert struct.unpack(">QIII", s.recv(20, socket.MSG_WAITALL))[2] == 1
assert s.recv(100) == b"", "something was answered in the clear behind STARTTLS"
END
}
twice() {
  proves starttls libnbd
  need_libnbd
  # libnbd, told to negotiate by hand, sends STRUCTURED_REPLY before TLS and must do so again behind it.
  "$PYTHON" - "$OFFERED" "$T/nobody" <<'END'
import nbd, sys
h = nbd.NBD()
h.set_tls(nbd.TLS_REQUIRE)
h.set_tls_certificates(sys.argv[2])
h.set_opt_mode(True)
h.add_meta_context("base:allocation")
h.connect_tcp("localhost", sys.argv[1])
assert h.get_tls_negotiated() and h.get_structured_replies_negotiated()
h.set_export_name("disk")
h.opt_go()
assert h.can_meta_context("base:allocation")
h.shutdown()
END
}

selective() {
  proves selectivetls nbdinfo
  sluice export set secret --tls required
  nbdinfo --list --json "nbd://127.0.0.1:$OFFERED/" >"$T/list.json"
  same plain "['disk']" "$(json "$T/list.json" '[e["export-name"] for e in d["exports"]]')"
  nbdinfo --list --json "$(tls nobody "$OFFERED" '')" >"$T/list.json"
  same secured "['disk', 'secret']" "$(json "$T/list.json" '[e["export-name"] for e in d["exports"]]')"
  refused . nbdinfo "nbd://127.0.0.1:$OFFERED/secret"
  same size $MIB "$(nbdinfo --size "$(tls nobody "$OFFERED" secret)")"
  # On the agent's own socket, too; and a snapshot's image is as its device.
  refused . nbdinfo "$(uri secret)"
  sluice snapshot take secret --store "dir:$T" --name s
  refused . nbdinfo "$(uri secret@s)"
  same image $MIB "$(nbdinfo --size "$(tls nobody "$OFFERED" secret@s)")"
  sluice snapshot destroy s
  sluice export list | grep 'tls=required'
}
by_name() {
  sluice export set secret --allow cert:alice
  nbdinfo --size "$(tls alice "$OFFERED" secret)"
  refused 'export: secret' nbdinfo "$(tls bob "$OFFERED" secret)"
  refused 'export: secret' nbdinfo "$(tls nobody "$OFFERED" secret)"
  refused . nbdinfo "$(tls stranger "$OFFERED" secret)"
  sluice export set secret --tls allowed --allow any
}
rules_change() {
  sluice export allow
  sluice export allow user:self user:root 'address:127.0.0.0/8+cert:a*'
  nbdinfo --size "$(tls alice "$OFFERED" disk)"
  refused . nbdinfo --size "$(tls bob "$OFFERED" disk)"
  refused . nbdinfo --size "nbd://127.0.0.1:$OFFERED/disk"
  nbdinfo --size "$(uri disk)"
  refused EINVAL sluice export allow everybody
  sluice export allow --reset
  nbdinfo --size "nbd://127.0.0.1:$OFFERED/disk"
}
other_user() {
  [ "$(id -u)" -eq 0 ] || skip "needs root, to be somebody else"
  # Open to all as a file, so that only the credentials can refuse.
  chmod 0755 "$T" "$RUN" && chmod 0666 "$RUN/nbd.sock"
  local as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
  refused . "${as[@]}" nbdinfo --size "$(uri disk)"
  sluice export allow user:self user:65534
  "${as[@]}" nbdinfo --size "$(uri disk)"
  sluice export allow --reset
  refused . "${as[@]}" nbdinfo --size "$(uri disk)"
  chmod 0600 "$RUN/nbd.sock"
}
kept() {
  sluice export nbd disk --name fast --tls required --iops 5000 --description 'For backups'
  sluice export allow user:self user:root address:127.0.0.0/8
  agent_stop "$RUN"
  agent --set "sluice.nbd.tls.dir=$T/server" --set "sluice.nbd.tls.verify-peer=true" \
    --set "sluice.nbd.tcp=127.0.0.1:$OFFERED,127.0.0.1:$REQUIRED;tls=required"
  until_true 10 nbdinfo --size "$(uri disk)"
  same rules "user:self user:root address:127.0.0.0/8" "$(sluice export allow | xargs)"
  sluice export list | grep 'fast .*iops=5000,tls=required'
  nbdinfo "$(tls alice "$OFFERED" fast)" | grep 'For backups'
}
must_show() {
  nbdinfo --size "$(tls alice "$REQUIRED" disk)"
  refused . nbdinfo --size "$(tls nobody "$REQUIRED" disk)"
  refused . nbdinfo --size "$(tls stranger "$REQUIRED" disk)"
}
renewed() {
  signed "$T/ca" "$T/server" server renewed
  starttls "$OFFERED" tls1_2 | grep 'CN *= *renewed'
  echo nonsense >"$T/server/server-key.pem"
  starttls "$OFFERED" tls1_2 | grep 'CN *= *renewed'
  grep 'TLS goes on with the certificates it has' "$RUN/sluiced.log"
}

check copy-tcp copy_tcp
check copy-in copy_in
check copy-unix copy_unix
check several-connections several_connections
check qemu-img qemu_img
check misled-client misled_client
check old-version old_version
check forced-plain forced_plain
check injection injection
check twice twice
check selective selective
check by-name by_name
check rules-change rules_change
check other-user other_user
check kept kept
check must-show must_show
check renewed renewed
