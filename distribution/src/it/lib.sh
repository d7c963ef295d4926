# shellcheck shell=bash
# What the interop tests share. Each script in tests/ sources it, starts an agent of its own in a
# private run directory with `agent`, and reports each of its cases with `check`.
#
#   . "${BASH_SOURCE%/*}/../lib.sh"
#   agent
#   size_is_right() { [ "$(nbdinfo --size "$(uri disk)")" -eq $((64 * MIB)) ]; }
#   check size size_is_right
#
# A case that proves an item of the NBD checklist begins with `proves`; see there.

set -uo pipefail
IT_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$IT_DIR/../../../scripts/lib.sh"

MIB=$((1 << 20))
TEST_NAME=$(basename "$0" .sh)
# libnbd's bindings belong to the system's Python, which need not be the first in PATH.
PYTHON=/usr/bin/python3
PAGE_TIME_LIMIT_SECONDS=30

need_jdk
scratch_dir T
RUN=$T/run
export SLUICE_RUN=$RUN PATH=$SLUICE_HOME/bin:$PATH

# agent [OPTION...]: starts the agent of this test; it stops at the end.
agent() {
  "$SLUICE_HOME/bin/sluiced" --run-dir "$RUN" "$@" || die "$TEST_NAME: the agent did not start"
  on_exit agent_stop "$RUN"
}

# uri EXPORT
uri() { printf 'nbd+unix:///%s?socket=%s' "$1" "$RUN/nbd.sock"; }

# check NAME COMMAND [ARG...]: one case. The command runs in a subshell with errexit; with 77 it is
# skipped, and its last line says why.
check() {
  local name=$TEST_NAME-$1 log=$T/check.log status=0
  shift
  : >"$T/proves"
  # In the background and waited for, because errexit is off in whatever a condition runs.
  (set -eu; "$@") >"$log" 2>&1 </dev/null &
  wait $! || status=$?
  case $status in
    0) passed "$name"; sed -n 's/^figure: /     /p' "$log"; _proved "$name" PASS ;;
    77) skipped "$name" "$(tail -n 1 "$log")"; _proved "$name" SKIP ;;
    *)
      failed "$name" "status $status: $(tail -n 1 "$log")"
      tail -n 30 "$log" | sed 's/^/     | /' >&2
      if [ -f "$RUN/sluiced.log" ]; then tail -n 10 "$RUN/sluiced.log" | sed 's/^/     agent | /' >&2; fi
      ;;
  esac
}

# proves ITEM[,ITEM...] CLIENT...: in a case, before it can be skipped: once it has passed, each
# CLIENT (a program, libnbd for its Python module, or raw for a plain socket) has proved each ITEM of
# conformance/items. `conformance.py update` makes the table in bundles/export-nbd/README.md of it; a
# run of all tests fails if that table differs, or an item was proved by nobody.
proves() {
  local item client
  for item in ${1//,/ }; do
    grep -q "^$item |" "$IT_DIR/conformance/items" || { echo "proves: no item $item"; return 1; }
    for client in "${@:2}"; do
      client=$(_client_version "$client")
      printf '%s\t%s\n' "$item" "$client" >>"$T/proves"
    done
  done
}

# _client_version CLIENT: prints it with its version, as the table has it.
_client_version() {
  local version
  case $1 in
    raw) version=$("$PYTHON" -c 'import platform; print(platform.python_version())'); set -- 'raw socket with Python' ;;
    libnbd) version=$("$PYTHON" -c 'import nbd; print(nbd.NBD().get_version())') || version='' ;;
    nbd-client) version=$(nbd-client -V 2>&1) ;;
    openssl) version=$(openssl version) ;;
    *) version=$("$1" --version) ;;
  esac
  version=$(grep -o -m 1 '[0-9][0-9.]*[0-9]' <<<"$version" | head -n 1) || true
  printf '%s %s' "$1" "$version"
}

# _proved CASE RESULT: what the case said with `proves` goes to the proofs of this script.
_proved() {
  [ -z "${SLUICE_PROOFS:-}" ] || awk -F '\t' -v OFS='\t' -v name="$1" -v result="$2" \
    '{ print $1, name, $2, result }' "$T/proves" >>"$SLUICE_PROOFS/$TEST_NAME.tsv"
}

# skip REASON...: from within a case.
skip() {
  echo "$*"
  exit 77
}

# figure TEXT...: a number worth seeing, shown under the case.
figure() { echo "figure: $*"; }

# refused WORD COMMAND...: the command must fail, in time, and its error must contain the word.
refused() {
  local word=$1 status=0
  shift
  timeout "$PAGE_TIME_LIMIT_SECONDS" "$@" >"$T/refused.out" 2>"$T/refused.err" || status=$?
  cat "$T/refused.err"
  [ "$status" -ne 0 ] || { echo "$* should be refused with $word, and exited 0"; return 1; }
  [ "$status" -lt 124 ] || { echo "$*: ended by status $status"; return 1; }
  grep -q -- "$word" "$T/refused.err" || { echo "$*: $word is not in its message"; return 1; }
}

# same WHAT EXPECTED ACTUAL
same() { [ "$2" = "$3" ] || { echo "$1: expected $2, is $3"; return 1; }; }

# until_true SECONDS COMMAND...: waits for something outside this process; fails at the time limit.
until_true() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $deadline ] || { echo "did not come true in time: $*"; return 1; }
    sleep 0.05
  done
}

# json FILE EXPRESSION: evaluates a Python expression over the document, which is called d.
json() { "$PYTHON" -c 'import json, sys; d = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2"; }

# random_file FILE MEBIBYTES
random_file() { head -c $(($2 * MIB)) /dev/urandom >"$1"; }

# resident_mib: the agent's resident memory now; peak_mib: the most it was.
_status_mib() { awk -v key="$1" '$1 == key":" { print int($2 / 1024) }' "/proc/$(agent_pid "$RUN")/status"; }
resident_mib() { _status_mib VmRSS; }
peak_mib() { _status_mib VmHWM; }

have_libnbd() { "$PYTHON" -c 'import nbd' 2>/dev/null; }
need_libnbd() { have_libnbd || skip "no libnbd for $PYTHON (package python3-libnbd)"; }

# record ARG...: the independent record of writes, java/WriteRecord.java, compiled once.
record() {
  local classes=$T/record-classes
  [ -d "$classes" ] || "$JAVA_HOME/bin/javac" -d "$classes" "$IT_DIR/java/WriteRecord.java"
  "$JAVA_HOME/bin/java" -XX:TieredStopAtLevel=1 -cp "$classes" WriteRecord "$@"
}

# acknowledged LOG: the writes that a qemu-io with this output has completed.
acknowledged() { grep -c wrote "$1" || true; }

# released REPOSITORY: makes a Maven repository for somebody outside: of Sluice it has what is
# released for them, as this build made it, and nothing else; of all others what the machine has.
released() {
  local cache=$HOME/.m2/repository entry module jar
  mkdir -p "$1/io/sluice"
  for entry in "$cache"/* "$cache"/io/*; do
    case ${entry#"$cache"/} in
      '*' | io | 'io/*' | io/sluice) ;;
      io/*) ln -s "$entry" "$1/io/" ;;
      *) ln -s "$entry" "$1/" ;;
    esac
  done
  _release "$1" sluice pom.xml pom
  for module in filter-api bundles/tck; do
    [ -f "$SLUICE_ROOT/$module/pom.xml" ] || continue
    jar=$module/target/${module##*/}-$SLUICE_VERSION.jar
    # What is in the product is up to date; a test kit need not have been built with it.
    if [ ! -f "$SLUICE_ROOT/$jar" ] || newer_than "$SLUICE_ROOT/$jar" "$SLUICE_ROOT/$module/src/main"; then
      maven -q -DskipTests -pl "$module" -am package || die "$module can't be built"
    fi
    _release "$1" "${module##*/}" "$module/pom.xml" pom
    _release "$1" "${module##*/}" "$jar" jar
  done
}

newer_than() { [ -n "$(find "$2" -newer "$1" -print -quit)" ]; }

# _release REPOSITORY ARTIFACT FILE TYPE
_release() {
  local dir=$1/io/sluice/$2/$SLUICE_VERSION
  mkdir -p "$dir"
  cp "$SLUICE_ROOT/$3" "$dir/$2-$SLUICE_VERSION.$4"
}

# outsider ARG...: Maven as somebody outside runs it, on the repository of `released`, $T/repository.
outsider() {
  [ -d "$T/repository" ] || released "$T/repository"
  maven -Dmaven.repo.local="$T/repository" "$@"
}
