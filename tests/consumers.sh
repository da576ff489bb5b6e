#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Feeds the reports of a run to other projects' readers, and compares their counts with
# results.json: the kernel's TAP parser (tools/testing/kunit of KSRC), Debian's junitparser, Perl's
# TAP::Parser (prove), and the rules of NIPA and LKFT. A missing reader is named and counts as a
# failure.
#
#   KSRC=TREE tests/consumers.sh GM_RUN FAKE_PROGRAM [TAP-CONTAINING RESULTS FOLDER...]
set -u

run=$(realpath "$1") fake=$(realpath "$2")
shift 2
kunit=${KSRC:+$(realpath "$KSRC")/tools/testing/kunit}
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
failed=0
# Debian's Python packages belong to Debian's Python, which may not be the first one in PATH.
debian_python=python3
[ ! -x /usr/bin/python3 ] || debian_python=/usr/bin/python3

say()
{
	[ "$1" = ok ] || failed=$((failed + 1))
	echo "$1: $2"
}

# Prints "passed failed skipped" of results.json; readers count an ERROR as a failure. JUnit has one
# more test case for a finding or a lost machine. An XFAIL is "not ok # TODO": for prove that passes, in
# JUnit it is skipped, and readers that do not know TODO count a failure.
expected()
{
	python3 -c 'import json, sys
d = json.load(open(sys.argv[1]))
t = d["totals"]
run = sys.argv[2] == "by_junitparser" and bool(d["lost"] or d["findings"])
x = t["xfail"]
junit, prove = sys.argv[2] == "by_junitparser", sys.argv[2] == "by_prove"
print(t["pass"] + t["xpass"] + x * prove, t["fail"] + t["error"] + run + x * (not junit and not prove),
      t["skip"] + x * junit)' "$1/results.json" "$2"
}

by_kunit()
{
	# Imports the parser from the kernel tree without writing .pyc files there.
	PYTHONDONTWRITEBYTECODE=1 python3 -c 'import io, sys
sys.path.insert(0, sys.argv[1])
import kunit_parser
from kunit_printer import Printer
try:
	printer = Printer(output=io.StringIO())
except TypeError:
	printer = Printer(print=False)
t = kunit_parser.parse_run_tests(open(sys.argv[2]), printer)
c = t.counts
assert not c.errors and not c.crashed, c
print(c.passed, c.failed, c.skipped)' "$kunit" "$1/tap.txt"
}

by_junitparser()
{
	"$debian_python" -c 'import sys
from junitparser import JUnitXml, Failure, Error, Skipped
passed = failed = skipped = 0
for suite in JUnitXml.fromfile(sys.argv[1]):
	for case in suite:
		kinds = [type(r) for r in case.result]
		failed += Failure in kinds or Error in kinds
		skipped += Skipped in kinds
		passed += not kinds
	assert suite.tests == passed + failed + skipped, suite.tests
	assert suite.failures + suite.errors == failed and suite.skipped == skipped
print(passed, failed, skipped)' "$1/junit.xml"
}

by_prove()
{
	perl -MTAP::Parser -e '
		my $p = TAP::Parser->new({ tap => do { local (@ARGV, $/) = $ARGV[0]; <> } });
		my ($ok, $bad, $skip) = (0, 0, 0);
		while (my $r = $p->next) {
			next unless $r->is_test;
			if ($r->has_skip) { $skip++ } elsif ($r->is_ok) { $ok++ } else { $bad++ }
		}
		die join("; ", $p->parse_errors) . "\n" if $p->parse_errors;
		print "$ok $bad $skip\n"' "$1/tap.txt"
}

# NIPA, the CI of Linux networking (contest/remote/vmksft-p.py): a result line's comment says if it
# was skipped, and a result of a test that ran has its time in whole milliseconds.
by_nipa()
{
	python3 -c 'import re, sys
result = re.compile(r"(not )?ok (\d+)( -)? ([^#]*[^ ])( +# )?([^ ].*)?$")
time = re.compile(r"time=(\d+)ms")
n = {"pass": 0, "fail": 0, "skip": 0}
for line in open(sys.argv[1]):
	m = result.match(line.rstrip("\n"))
	if not m:
		continue
	said = m[6] or ""
	kind = "skip" if "skip" in said.lower() and not m[1] else "fail" if m[1] else "pass"
	n[kind] += 1
	assert kind != "pass" or time.search(said), line
print(n["pass"], n["fail"], n["skip"])' "$1/tap.txt"
}

# LKFT and KernelCI take all text after the number for the name of the test, except "# SKIP" itself;
# text after "# SKIP" becomes part of the name.
by_lkft()
{
	python3 -c 'import json, re, sys
names = {c["name"] for c in json.load(open(sys.argv[1] + "/results.json"))["cases"]}
n = {"pass": 0, "fail": 0, "skip": 0}
for line in open(sys.argv[1] + "/tap.txt"):
	m = re.match(r"(not )?ok \d+ (.*)$", line)
	if not m:
		continue
	name, skip, reason = m[2].partition(" # SKIP")
	kind = "fail" if m[1] else "skip" if skip else "pass"
	n[kind] += 1
	assert kind != "skip" or (name + reason in names), line
print(n["pass"], n["fail"], n["skip"])' "$1"
}

# The stream $1, cut off in the middle of the case_end of case number $2.
cut()
{
	local line

	line=$(grep -n '"ev":"case_end"' "$1" | sed -n "$2s/:.*//p")
	head -n $((line - 1)) "$1"
	sed -n "${line}p" "$1" | head -c 60
}

compare()
{
	local results=$1 name=$2 want got reader

	for reader in by_kunit by_junitparser by_prove by_nipa by_lkft; do
		if [ "$reader" = by_kunit ] && [ ! -f "$kunit/kunit_parser.py" ]; then
			say FAILED "$name, $reader: no kernel tree, set KSRC=TREE"
			continue
		fi
		if [ "$reader" = by_junitparser ] && ! "$debian_python" -c 'import junitparser' 2>/dev/null; then
			say FAILED "$name, $reader: missing, apt-get install python3-junitparser"
			continue
		fi
		want=$(expected "$results" "$reader")
		got=$($reader "$results" 2>"$dir/err")
		if [ "$got" = "$want" ]; then
			say ok "$name, $reader: passed, failed, skipped: $got"
		else
			say FAILED "$name, $reader: read '$got', results.json has '$want'"
			cat "$dir/err"
		fi
	done
}

if [ $# -gt 0 ]; then
	for results in "$@"; do
		compare "$results" "$(basename "$results")"
	done
else
	cd "$dir" || exit 2
	export GM_JOURNAL_DIR=$dir/journal
	GM_FAKE='end.*' "$run" --programs "$fake" >tap 2>/dev/null
	compare results/latest "every kind of end"
	cmp -s tap results/latest/tap.txt || say FAILED "standard output and tap.txt differ"
	GM_FAKE='end.skip' "$run" --programs "$fake" >/dev/null 2>&1
	compare results/latest "nothing but a skip"
	printf '%s\t%s\t-\t2100-01-01\tme\thttps://x\tit is # SKIP broken\n' end.fail 'expected EINVAL' end.pass x >known
	GM_FAKE='end.*' "$run" --programs "$fake" --known known >/dev/null 2>&1
	compare results/latest "known failures"
	GM_FAKE='end.fail' "$run" --programs "$fake" --retry 2 >/dev/null 2>&1
	compare results/latest "three tries"
	GM_FAKE='end.*' "$run" --programs "$fake" --events stream >/dev/null 2>&1
	printf 'Kernel panic - not syncing: VFS: x\nreboot: System halted\nok 1 x\nTAP version 13\n' >console
	cut stream 9 >half
	"$run" --attach half --console console >/dev/null 2>&1
	compare results/latest "a lost machine, before --finish"
	"$run" --finish results/latest --console console >/dev/null 2>&1
	compare results/latest "a lost machine, after --finish"
fi
[ "$failed" -eq 0 ]
