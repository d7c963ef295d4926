#!/usr/bin/env bash
# The benchmark itself: its statistics, and one very short run of the agent alone, so that it still
# works when it is wanted. It says nothing of speed.
. "${BASH_SOURCE%/*}/../lib.sh"

export SLUICE_ROOT SLUICE_HOME PYTHONDONTWRITEBYTECODE=1
bench=$IT_DIR/../bench

statistics() { "$PYTHON" -m unittest discover -s "$bench/tests" -v; }
short_run() {
  "$PYTHON" "$bench/bench.py" --quick --rounds 1 --seconds 0.05 --size 16 --disk-dir "$T" \
    --places disk --servers sluice-64k,sluice-cost --out "$T/bench" \
    --only cow-4k-qd1,cost-chain3-4k-write-qd1,cost-snap4-4k-first-qd32
  grep -q '^## Marks: ' "$T/bench/report.md"
  same shapes "['4k-write-qd1', '4k-first-qd32']" \
    "$(json "$T/bench/report.json" '[cost["shape"] for cost in d["costs"]]')"
  same "pairs without a ratio" 0 "$(json "$T/bench/report.json" \
    'sum(not life["throughput_ratios"] or min(life["cpu_ratios"]) <= 0
         for cost in d["costs"] for life in cost["lives"])')"
  # One 4 KiB in each chunk of 64 KiB.
  same "bytes saved for each byte written" 16.0 "$(json "$T/bench/report.json" \
    'd["figures"]["disk"]["cow-4k-qd1-first"]["sluice-64k"][0]["copied_per_written"]')"
  same "left behind" "" "$(find "$T" -maxdepth 1 -name 'sluice-bench-*')"
}
wrong_option() { refused "no workload begins with nonsense" "$PYTHON" "$bench/bench.py" --only nonsense; }

check statistics statistics
check short-run short_run
check wrong-option wrong_option
