#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Which ratios of benchmarks moved between two runs. Prints TAP.
set -u
cd "$(dirname "$0")/.." || exit 2
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
nr=0

# has NAME TEXT: one line of TAP: whether the output has the line TEXT.
has()
{
	nr=$((nr + 1))
	if grep -qxF -- "$2" "$dir/out"; then
		echo "ok $nr - $1"
	else
		echo "not ok $nr - $1"
		sed 's/^/# /' "$dir/out"
	fi
}

run()
{
	printf '%s\n' "$@" | bench/moved "$dir/ratios" > "$dir/out" 2>&1
}

echo "1..6"
run "ratio attributes: a, of b: 0.583 (0.550-0.610)" "ratio attributes: c: d, of b: 1.200 (1.100-1.300)"
has "the first run has nothing to compare" "2 ratios: 0 moved, 2 new"
run "ratio attributes: a, of b: 0.500 (0.480-0.549)" "text"
has "the output passes" "text"
has "quartiles that do not overlap" \
	"moved attributes: a, of b: 0.500 (0.480-0.549), was 0.583 (0.550-0.610)"
run "ratio attributes: c: d, of b: 1.400 (1.300-1.500)"
has "a benchmark that did not run keeps its ratio, and quartiles that touch are no move" \
	"1 ratios: 0 moved, 0 new"
run "ratio attributes: a, of b: 0.600 (0.550-0.610)"
has "the last ratio counts" \
	"moved attributes: a, of b: 0.600 (0.550-0.610), was 0.500 (0.480-0.549)"
bench/moved "$dir/none/ratios" < /dev/null > "$dir/out" 2>&1
has "a file that cannot be written" \
	"bench: cannot write $dir/none/ratios: choose another file with RATIOS="
