#!/usr/bin/env bash
# The conformance table's own checks: each kind of wrong table or missing proof is found.
. "${BASH_SOURCE%/*}/../lib.sh"

export PYTHONDONTWRITEBYTECODE=1

table() { "$PYTHON" -m unittest discover -s "$IT_DIR/conformance" -v; }

# What a case proves counts once it has passed, and is told apart once it was skipped.
proved() { proves greeting,list nbdinfo; }
unproved() { proves greeting raw; false; }
not_run() { proves abort raw; skip "not on this machine"; }
no_item() { proves nonsense raw; }
proofs() {
  mkdir "$T/proofs" "$T/inner"
  (
    SLUICE_TEST_RESULTS='' SLUICE_PROOFS=$T/proofs RUN=$T/none T=$T/inner
    check proved proved
    check unproved unproved
    check not-run not_run
    check no-item no_item
  ) >"$T/inner.log" 2>&1 || true
  cat "$T/inner.log" "$T/proofs/$TEST_NAME.tsv"
  same results 'PASS FAIL SKIP FAIL' "$(grep -o '^[^|]*\(PASS\|FAIL\|SKIP\)' "$T/inner.log" | grep -o '[A-Z]*$' | xargs)"
  same items 'greeting list abort' "$(cut -f 1 "$T/proofs/$TEST_NAME.tsv" | xargs)"
  same results 'PASS PASS SKIP' "$(cut -f 4 "$T/proofs/$TEST_NAME.tsv" | xargs)"
  cut -f 3 "$T/proofs/$TEST_NAME.tsv" | head -n 1 | grep -q '^nbdinfo [0-9]*\.[0-9]'
  grep -q 'no item nonsense' "$T/inner.log"
}

check table table
check proofs proofs
