# shellcheck shell=bash
# What ./quickstart, ./test and ./bench share. Source it from bash:
#
#   set -euo pipefail
#   . "$(dirname "$0")/scripts/lib.sh"
#   need nbdinfo libnbd-bin qemu-img qemu-utils     # TOOL PACKAGE pairs, installed in one go
#   build                                           # JDK, Maven, and the product if it is not up to date
#   on_exit rm -rf "$scratch"                       # runs at exit, the latest first
#
# It sets SLUICE_ROOT (the repository), SLUICE_VERSION and SLUICE_HOME (the built product).

SLUICE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
SLUICE_VERSION=$(sed -n 's:^  <version>\(.*\)</version>.*:\1:p' "$SLUICE_ROOT/pom.xml" | head -n 1)
SLUICE_HOME=$SLUICE_ROOT/distribution/target/sluice-$SLUICE_VERSION
export SLUICE_ROOT SLUICE_VERSION SLUICE_HOME
# The tools of an administrator are not in every user's PATH (mkfs, losetup, nbd-client).
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# ---- messages: colours on a terminal only -------------------------------------------------------

if [ -t 2 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
  BOLD=$'\e[1m' RED=$'\e[31m' GREEN=$'\e[32m' YELLOW=$'\e[33m' PLAIN=$'\e[0m'
else
  BOLD='' RED='' GREEN='' YELLOW='' PLAIN=''
fi
export BOLD RED GREEN YELLOW PLAIN

# note WORD...: says what is being done, on standard error.
note() { printf '%s==>%s %s\n' "$BOLD" "$PLAIN" "$*" >&2; }

# warn WORD...: something is not as it should be, but the work goes on.
warn() { printf '%s%s: warning:%s %s\n' "$YELLOW" "${0##*/}" "$PLAIN" "$*" >&2; }

# die WORD...: says why, and ends the script with 1.
die() {
  printf '%s%s: %s%s\n' "$RED" "${0##*/}" "$*" "$PLAIN" >&2
  exit 1
}

# ---- cleaning up --------------------------------------------------------------------------------

_on_exit=()

# on_exit COMMAND ARG...: runs it when the script ends, however it ends; the latest first.
on_exit() {
  local quoted
  printf -v quoted '%q ' "$@"
  _on_exit+=("$quoted")
}

_run_on_exit() {
  local status=$? i
  trap - EXIT
  trap '' INT TERM HUP
  set +e
  for ((i = ${#_on_exit[@]} - 1; i >= 0; i--)); do eval "${_on_exit[i]}"; done
  exit "$status"
}
trap _run_on_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# _remove_scratch DIR: also if an agent was killed there, whose FUSE mount nothing can be removed under.
_remove_scratch() {
  local target
  while read -r target; do umount -l "$target"; done < <(
    awk -v dir="$1/" 'index($5, dir) == 1 && / - fuse\.sluice / { print $5 }' /proc/self/mountinfo)
  rm -rf "$1"
}

# scratch_dir NAME: makes a private directory, sets $NAME to it and removes it at exit.
scratch_dir() {
  local made
  made=$(mktemp -d "${TMPDIR:-/tmp}/sluice.XXXXXXXX") || die "no scratch directory in ${TMPDIR:-/tmp}"
  printf -v "$1" %s "$made"
  on_exit _remove_scratch "$made"
}

# ---- installing ---------------------------------------------------------------------------------

have() { command -v "$1" >/dev/null 2>&1; }

# Runs a command as root, or fails at once where that would take a password.
_as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

_may_install() {
  have apt-get || return 1
  [ "$(id -u)" -eq 0 ] || { have sudo && sudo -n true 2>/dev/null; }
}

_apt_updated=''

_apt_update() {
  [ -n "$_apt_updated" ] && return 0
  local log
  log=$(_as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update 2>&1) ||
    { printf '%s\n' "$log" >&2; warn "apt-get update failed; trying with the package lists there are"; }
  _apt_updated=yes
}

# _install PACKAGE...: installs packages, or says what to install and ends the script.
_install() {
  if ! _may_install; then
    if have apt-get; then
      die "missing packages, and no right to install them. As root: apt-get install $*"
    fi
    die "missing programs, and no apt-get to install them with. Debian calls the packages: $*"
  fi
  note "installing: $*"
  _apt_update
  local log
  log=$(_as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
    -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 \
    install --no-install-recommends "$@" 2>&1) || {
    printf '%s\n' "$log" >&2
    die "could not install $*; install by hand, then start again"
  }
  hash -r
}

# need TOOL PACKAGE [TOOL PACKAGE]...: each program must be there; Debian's package has it.
need() {
  [ $(($# % 2)) -eq 0 ] || die "need takes pairs of TOOL PACKAGE, not: $*"
  local missing=() tools=() tool
  while [ $# -gt 0 ]; do
    have "$1" || { missing+=("$2"); tools+=("$1"); }
    shift 2
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
  _install "${missing[@]}"
  for tool in "${tools[@]}"; do
    have "$tool" || die "$tool is still missing after the installation of ${missing[*]}"
  done
}

# ---- Java ---------------------------------------------------------------------------------------

JAVA_FLOOR=17

# java_major JAVA: prints the feature version of a java program, or nothing.
java_major() {
  "$1" -XshowSettings:properties -version 2>&1 |
    sed -n 's/^ *java\.specification\.version = \(1\.\)\{0,1\}\([0-9]*\).*/\2/p'
}

# _is_jdk DIR [EXACT]: a JDK of at least the floor, or of just one version.
_is_jdk() {
  [ -x "$1/bin/javac" ] && [ -x "$1/bin/java" ] || return 1
  local major
  major=$(java_major "$1/bin/java")
  [ -n "$major" ] || return 1
  if [ -n "${2:-}" ]; then [ "$major" -eq "$2" ]; else [ "$major" -ge "$JAVA_FLOOR" ]; fi
}

# find_jdk [EXACT]: prints the directory of a JDK, or fails.
find_jdk() {
  local dir
  for dir in "${JAVA_HOME:-}" "$(readlink -f "$(command -v javac)" 2>/dev/null | sed 's:/bin/javac$::')" \
    /usr/lib/jvm/* /opt/jdk* /opt/java*; do
    if [ -n "$dir" ] && _is_jdk "$dir" "${1:-}"; then
      printf '%s\n' "$dir"
      return 0
    fi
  done
  return 1
}

# need_jdk: exports JAVA_HOME. 17 is what the product is built for, so it is preferred to a newer one.
need_jdk() {
  local found
  if ! found=$(find_jdk "$JAVA_FLOOR") && ! found=$(find_jdk); then
    local package=openjdk-17-jdk-headless
    if _may_install; then
      _apt_update
      apt-cache show "$package" >/dev/null 2>&1 || package=default-jdk-headless
    fi
    _install "$package"
    found=$(find_jdk) || die "no JDK $JAVA_FLOOR or newer, even after the installation of $package"
  fi
  export JAVA_HOME=$found
}

# ---- building -----------------------------------------------------------------------------------

# maven ARG...: Maven on the repository with the JDK chosen. From the local cache if that has all
# that is needed, else from the network.
maven() {
  need_jdk
  need mvn maven
  local log status
  log=$(mktemp "${TMPDIR:-/tmp}/sluice-maven.XXXXXXXX")
  if (cd "$SLUICE_ROOT" && mvn -B -o "$@") >"$log" 2>&1; then
    status=0
  elif grep -q 'in offline mode' "$log"; then
    note "fetching what the build needs"
    status=0
    (cd "$SLUICE_ROOT" && mvn -B -ntp "$@") >"$log" 2>&1 || status=$?
  else
    status=1
  fi
  [ "$status" -eq 0 ] || tail -n 60 "$log" >&2
  rm -f "$log"
  return "$status"
}

_build_stamp=$SLUICE_ROOT/distribution/target/built

# built: the product is there and newer than each file that it is made from.
built() {
  [ -x "$SLUICE_HOME/bin/sluiced" ] && [ -f "$_build_stamp" ] || return 1
  local newer
  newer=$(cd "$SLUICE_ROOT" && find pom.xml .mvn */pom.xml bundles/*/pom.xml */src/main bundles/*/src/main \
    */bnd.bnd bundles/*/bnd.bnd \( -path '*/itests/*' -o -path '*/simulator/*' \) -prune -o \
    -newer "$_build_stamp" -print -quit 2>/dev/null) || true
  [ -z "$newer" ]
}

# mark_built FILE: the product was built from sources as old as FILE, which is moved away.
mark_built() { mv "$1" "$_build_stamp"; }

# build: makes distribution/target/sluice-VERSION if it is missing or older than its sources.
build() {
  need_jdk
  built && return 0
  need mvn maven
  mkdir -p "${_build_stamp%/*}"
  # Two scripts at once would write the same files.
  exec 9>"$_build_stamp.lock"
  flock 9
  if ! built; then
    note "building (this takes a minute; the first time, longer)"
    touch "$_build_stamp.new"
    maven -q -DskipTests -pl distribution -am package ||
      die "the build failed; the lines above say where"
    [ -x "$SLUICE_HOME/bin/sluiced" ] || die "the build left no $SLUICE_HOME/bin/sluiced"
    mark_built "$_build_stamp.new"
  fi
  flock -u 9
  exec 9>&-
}

# ---- the agent ----------------------------------------------------------------------------------

# agent_start RUN_DIR [OPTION...]: starts the built agent there; it is stopped at exit.
agent_start() {
  local run=$1
  shift
  "$SLUICE_HOME/bin/sluiced" --run-dir "$run" "$@" || return
  on_exit agent_stop "$run"
}

# agent_pid RUN_DIR: prints the process id of the agent that runs there, or fails.
agent_pid() {
  local pid
  pid=$(cat "$1/sluiced.pid" 2>/dev/null) && [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null &&
    printf '%s\n' "$pid"
}

# agent_stop RUN_DIR: asks the agent there to stop, and waits until it is gone. None there: fine.
agent_stop() {
  local pid
  pid=$(agent_pid "$1") || return 0
  kill "$pid" 2>/dev/null || return 0
  # It is no child of this shell, so wait(1) can't; tail can.
  timeout 60 tail --pid="$pid" -s 0.05 -f /dev/null || {
    warn "the agent $pid in $1 did not stop within 60 s"
    kill -9 "$pid"
  }
}

# ---- results of tests ---------------------------------------------------------------------------
# Each test script reports its cases with these, and ./test counts them. NAME is one word.

_passed=0 _failed=0 _skipped=0

_result() {
  [ -z "${SLUICE_TEST_RESULTS:-}" ] || printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$SLUICE_TEST_RESULTS"
}

# passed NAME
passed() {
  _passed=$((_passed + 1))
  printf '%sPASS%s %s\n' "$GREEN" "$PLAIN" "$1"
  _result PASS "$1" ''
}

# failed NAME REASON
failed() {
  _failed=$((_failed + 1))
  printf '%sFAIL%s %s: %s\n' "$RED" "$PLAIN" "$1" "$2"
  _result FAIL "$1" "$2"
}

# skipped NAME REASON: ./test accepts only the names listed in .ci/allowed-skips.
skipped() {
  _skipped=$((_skipped + 1))
  printf '%sSKIP%s %s: %s\n' "$YELLOW" "$PLAIN" "$1" "$2"
  _result SKIP "$1" "$2"
}

# results: prints the totals as the last line, and fails if a case failed or none ran.
results() {
  printf '%d passed, %d failed, %d skipped\n' "$_passed" "$_failed" "$_skipped"
  [ "$_failed" -eq 0 ] && [ $((_passed + _skipped)) -gt 0 ]
}
