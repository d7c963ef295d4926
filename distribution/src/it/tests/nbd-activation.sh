#!/usr/bin/env bash
# The agent is started with a socket that somebody else listens on: by libnbd's tools, as systemd does.
. "${BASH_SOURCE%/*}/../lib.sh"

STATE=$T/state
random_file "$T/disk.img" 4
agent --state-dir "$STATE"
sluice device add disk "$T/disk.img" || die "device add"
agent_stop "$RUN"

# The device is there again before the first client is answered.
started_by_a_client() {
  proves socket-activation nbdinfo nbdcopy
  same size $((4 * MIB)) "$(nbdinfo --size -- [ sluiced --foreground --run-dir "$RUN" --state-dir "$STATE" ])"
  nbdcopy -- [ sluiced --foreground --run-dir "$RUN" --state-dir "$STATE" ] "$T/out.raw"
  cmp "$T/disk.img" "$T/out.raw"
}
# In the background too, on TCP, with a client that came before the agent did.
started_with_a_tcp_socket() {
  proves socket-activation raw
  "$PYTHON" - "$RUN" "$STATE" <<'END'
import os, socket, subprocess, sys
listener = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listener.getsockname(), 60)
pid = os.fork()
if pid == 0:
    if listener.fileno() == 3:
        os.set_inheritable(3, True)
    else:
        os.dup2(listener.fileno(), 3, inheritable=True)
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
    os.execvp("sluiced", ["sluiced", "--run-dir", sys.argv[1], "--state-dir", sys.argv[2]])
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
listener.close()
assert client.recv(18, socket.MSG_WAITALL)[:8] == b"NBDMAGIC"
END
  on_exit agent_stop "$RUN"
  sluice export list | grep 'nbd://127.0.0.1:'
  nbdinfo --size "$(uri disk)"
  agent_stop "$RUN"
}
not_for_us() {
  LISTEN_PID=1 LISTEN_FDS=1 sluiced --run-dir "$RUN" --state-dir "$STATE"
  ! sluice export list | grep -q 'inherited'
  agent_stop "$RUN"
}
no_socket() {
  ! sluiced --run-dir "$RUN" --state-dir "$STATE" --set sluice.nbd.inherited=true >"$T/none" 2>&1 || agent_stop "$RUN"
  cat "$T/none"
  cat "$RUN/sluiced.log" 2>/dev/null | grep 'standard input is no socket' || grep 'standard input is no socket' "$T/none"
}

check started-by-a-client started_by_a_client
check started-with-a-tcp-socket started_with_a_tcp_socket
check not-for-us not_for_us
check no-socket no_socket
