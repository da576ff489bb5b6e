#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Runs the unit tests and the runner's end-to-end tests; prints the failures and a last line "N
# passed, N failed". A test program that dies or has fewer results than planned has failed.
#
#   tests/unit.sh GM_RUN FAKE_PROGRAM UNIT_TEST...
set -u

run=$1 fake=$2
shift 2
here=$(dirname "$0")
passed=0
failed=0
out=$(mktemp) || exit 2
trap 'rm -f "$out"' EXIT

export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0
export UBSAN_OPTIONS=print_stacktrace=1
# The runner measures how slow this machine is, unless it is told.
export GM_TIME_FACTOR=1

count()
{
	local status=$1 name=$2 ok bad planned

	ok=$(grep -c '^ok ' "$out")
	bad=$(grep -c '^not ok ' "$out")
	planned=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$out" | head -n 1)
	if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
		bad=1
		echo "$name: ended with status $status"
	elif [ $((ok + bad)) -ne "${planned:--1}" ]; then
		bad=$((bad + 1))
		echo "$name: planned ${planned:-nothing}, has $((ok + bad - 1)) results"
	fi
	[ "$bad" -eq 0 ] || grep -v '^ok ' "$out" | head -n 60 | sed "s|^|$name: |"
	passed=$((passed + ok))
	failed=$((failed + bad))
}

for test in "$@"; do
	CMOCKA_MESSAGE_OUTPUT=TAP timeout 120 "$test" >"$out" 2>&1
	count $? "$(basename "$test")"
done
timeout 300 "$here/runner.sh" "$run" "$fake" >"$out" 2>&1
count $? runner.sh

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
