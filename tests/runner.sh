#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# End-to-end tests of the runner: exit codes, signals, full disks, lost machines. Prints TAP.
#
#   tests/runner.sh GM_RUN FAKE_PROGRAM
# Expressions in single quotes are for eval, in check().
# shellcheck disable=SC2016
set -u

run=$(realpath "$1") fake=$(realpath "$2")
dir=$(mktemp -d) || exit 2
mounted=
cleanup()
{
	[ -z "$mounted" ] || umount "$mounted"
	rm -rf "$dir"
}
trap cleanup EXIT
cd "$dir" || exit 2
export GM_JOURNAL_DIR=$dir/journal
# Without it the runner measures how slow this machine is.
export GM_TIME_FACTOR=1
nr=0

check()
{
	local name=$1

	shift
	nr=$((nr + 1))
	if "$@"; then
		echo "ok $nr - $name"
	else
		echo "not ok $nr - $name"
		sed 's/^/# /' out err 2>/dev/null | tail -n 40
	fi
}

# Runs with the cases that match $1; leaves status, out, err.
gm()
{
	GM_FAKE=$1
	export GM_FAKE
	shift
	"$run" --programs "$fake" "$@" >out 2>err
	status=$?
}

json() { python3 -c "import json,sys; d=json.load(open('results/latest/results.json')); print(str($1))"; }
exits() { [ "$status" -eq "$1" ]; }
says() { grep -qE -- "$1" out; }
complains() { grep -qE -- "$1" err && [ "$(wc -l <err)" -eq "${2:-1}" ]; }
# Waits, with a bound, until a command succeeds.
soon()
{
	for _ in $(seq 200); do
		"$@" && return 0
		sleep 0.05
	done
	return 1
}
no_fakes() { ! pgrep -f "$fake --case" >/dev/null; }
valid()
{
	python3 - "$1" <<-'END'
	import json, sys, xml.etree.ElementTree as x
	d = json.load(open(sys.argv[1] + '/results.json'))
	s = x.parse(sys.argv[1] + '/junit.xml').getroot().find('testsuite')
	t = open(sys.argv[1] + '/tap.txt').read().splitlines()
	n = len(d['cases'])
	assert t[0] == 'TAP version 13' and t[1] == '1..%d' % n, t[:2]
	assert sum(l.startswith(('ok ', 'not ok ')) for l in t) == n
	assert t[-1].startswith('# Totals: '), t[-1]
	assert len(s.findall('testcase')) == int(s.get('tests'))
	bad = sum(c['verdict'] in ('FAIL', 'ERROR') for c in d['cases'])
	assert sum(l.startswith('not ok ') for l in t) == bad + d['totals']['xfail']
	assert int(s.get('failures')) + int(s.get('errors')) in (bad, bad + 1)
	page = open(sys.argv[1] + '/index.html').read()
	assert page.endswith('</html>\n') and ('<b>%d</b> PASS' % d['totals']['pass']) in page
	END
}

gm end.pass
check "all held: 0" exits 0
check "plan first" test "$(sed -n 2p out)" = 1..1
check "the seed is printed" says '^# seed [0-9]+$'
check "totals last" test "$(tail -n 1 out)" = "# Totals: pass:1 fail:0 xfail:0 xpass:0 skip:0 error:0"
check "documents are valid" valid results/latest
check "state finished" test "$(json "d['state'] + str(d['exit'])")" = finished0
gm end.fail
check "a failure: 1" exits 1
check "the failure names clause, place, seed and the command" \
	eval 'says "clause fake.end" && says "miss fake_test.c:42: expected EINVAL" && says "seed: " && says "again: .* --filter end.fail --seed [0-9]+$"'
check "the command works" eval '$(sed -n "s/^#   again: //p" out) >again 2>&1; [ $? -eq 1 ]'
check "the same seed is used" test "$(sed -n 's/^# seed //p' out)" = "$(sed -n 's/^# seed //p' again)"
gm end.skip
check "all skipped: 4" exits 4
check "a skip has its reason and remedy" eval 'says "^ok 1 end.skip # SKIP$" && says "^#   reason: no such device$" && says "remedy: load the module"'
gm 'end.*' --filter end.pass,end.skip
check "a skip beside a pass: 0" exits 0
gm 'end.*' --filter end.pass,end.skip --strict
check "--strict: 1" exits 1
gm 'end.*' --filter end.pass,end.skip --require end.skip
check "--require: 1, and says so" eval 'exits 1 && says "required, but skipped: no such device"'
gm 'need.*'
check "a missing need is probed once" eval 'exits 0 && says "^ok [0-9]+ need.e_alike # SKIP$" && [ "$(grep -c "reason: no such conversion" out)" -eq 3 ] && [ "$(grep -c "remedy: another kernel" out)" -eq 1 ]'
check "all cases with that need are counted" eval 'says "^# 3 skipped: no such conversion .another kernel.$" && valid results/latest'
check "all of them are in results.json" test "$(json "[c['ran'] for c in d['cases'] if c['verdict'] == 'SKIP']")" = "[True, False, False]"
gm 'need.*' --require need.e_alike
check "--require of a case that had no process" eval 'exits 1 && says "^not ok [0-9]+ need.e_alike" && says "required, but skipped: no such conversion" && says "^ok [0-9]+ need.c_alike # SKIP"'
gm 'need.*' --strict
check "--strict, likewise" eval 'exits 1 && [ "$(grep -c "^not ok .*need" out)" -eq 3 ]'
gm 'need.*' --strict --repeat 3
check "a later round probes again" eval 'exits 1 && [ "$(json "[c[\"runs\"] for c in d[\"cases\"]]")" = "[3, 3, 3, 3, 3]" ]'
gm 'need.*' --jobs 4
check "--jobs: the same verdicts" test "$(grep -A 1 '^ok .* # SKIP$' out | grep -c 'reason: no such conversion')" -eq 3
gm end.exit_254
check "a dead case is an ERROR that shows its last output" \
	eval 'exits 1 && says "^not ok 1 end.exit_254 # ERROR " && says "lib/kvm_util.c:100: ret == 0"'
gm 'end.*'
check "every case has one result line" test "$(grep -cE '^(not )?ok ' out)" -eq 19
check "only the sound cases PASS" test "$(grep -E '^ok ' out | grep -vc SKIP)" -eq 2
check "documents agree" valid results/latest
gm 'end.*' --failed
check "--failed runs just those" test "$(grep -cE '^not ok ' out)" -eq 16
gm end.pass --seed 42
check "--seed is kept" test "$(json "d['seed']")" = 42
gm round.seed --seed 42 --repeat 3
check "rounds have seeds of their own" test "$(grep -ho 'seed=[0-9]*' results/latest/logs/round.seed.log | sort -u | wc -l)" -eq 3
check "the first round has the run's seed" grep -q seed=42 results/latest/logs/round.seed.log
check "rounds are one result" eval 'exits 0 && [ "$(grep -cE "^ok " out)" -eq 1 ]'
GM_FAKE_COUNT=$dir/count gm round.third_time --until-fail
check "--until-fail stops at the failure" eval 'exits 1 && [ "$(json "d[\"cases\"][0][\"runs\"]")" -eq 3 ]'
gm 'end.*' --filter 'end.fail,end.segv' --until-fail
check "--until-fail stops at once" eval 'says "^ok 2 end.segv # SKIP$" && says "reason: not run: an earlier case failed"'
GM_FAKE_LOCK=$dir/lock gm 'lock.*' --jobs 4
check "tokens keep cases apart" exits 0
gm 'order.*' --jobs 4
check "destructive cases come last" eval '[ "$(grep -oE "order\.[a-z]+" out | tail -n 1)" = order.destructive ]'
echo old > "$dir/setting"
GM_FAKE_SETTING=$dir/setting gm 'setting.*'
check "a dead case's settings are put back before the next" eval 'says "^not ok 1 setting.a_changed # time" && says "1 setting.s. that it had changed were put back" && says "^ok 2 setting.b_reads"'
gm 'slow.*' --jobs 4
check "a hang is ended" eval 'exits 1 && says "slow.hang # ERROR no verdict within 1 s" && says "slow.stubborn # ERROR .* ignored SIGTERM"'
check "a call that never returns is a miss" eval 'says "^not ok [0-9]+ slow.underway # time" && says "KVM_RUN does not return"'
check "a hang after the call returned is an ERROR" says 'slow.underway_over # ERROR no verdict within 1 s'
check "a daemon is a leak" says 'leak.processes: left behind: pid'
check "no process is left" soon no_fakes
gm slow.hang --timeout-scale 0.2
check "--timeout-scale" says 'within 0.2 s'
GM_TIME_FACTOR=4 gm slow.hang --timeout-scale 0.1
check "a slow machine's factor multiplies it" eval 'says "within 0.4 s" && says "time limits x0.4$" && [ "$(json "d[\"time_factor\"]")" = 4.0 ] && [ "$(json "d[\"timeout_scale\"]")" = 0.1 ]'
GM_TIME_FACTOR=4 gm slow.underway --timeout-scale 0.1
check "and the time after which a call does not return" says "KVM_RUN does not return"
GM_FAKE=end.pass env -u GM_TIME_FACTOR "$run" --programs "$fake" >out 2>err
check "the factor is measured" eval 'says "time limits x[1-9]" && [ "$(json "d[\"time_factor\"] >= 1 and min(d[\"speed\"].values()) > 0")" = True ]'

gm 'long.*'
check "quick leaves out long ones, and says so" eval 'exits 2 && complains "add --profile full" && [ ! -s out ]'
gm long.only --profile full
check "full has them" exits 0
gm end.pass --filter 'nope.*'
check "a filter without a match: 2, one line" eval 'exits 2 && complains "matches nothing" && [ ! -s out ]'
gm end.pass --nope
check "an unknown option: 2, one line" eval 'exits 2 && complains "unknown option --nope"'
rm -rf results
gm end.pass --jobs x
check "a bad value: 2, no results folder" eval 'exits 2 && [ ! -e results ]'
gm 'end.*' --list
check "--list is names" eval 'exits 0 && [ "$(wc -l <out)" -eq 19 ] && ! grep -qvE "^[a-z0-9_.]+$" out && [ ! -e results ]'
gm 'end.*' --list=json --filter end.no_control
check "--list=json is declarations" eval 'python3 -c "import json; d=json.load(open(\"out\")); assert d[0][\"flags\"]==[\"refusal\"]"'
printf 'fake.end\tany\tP0\tends as it should\tnowhere\n' >clauses.tsv
gm end.fail --contract clauses.tsv
check "clause texts come from the contract" says 'clause fake.end: ends as it should'

# Signals.
for sig in INT TERM HUP; do
	GM_FAKE='[fer][onO]*' # forever.hang, order.*, round.*; none of end.*
	export GM_FAKE
	# An interactive shell's SIGINT: a background job of a script would ignore it.
	python3 -c "import signal,os,sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])" \
		"$run" --programs "$fake" --filter 'forever.*,round.seed' >out 2>err &
	pid=$!
	soon pgrep -f "$fake --case forever.hang" >/dev/null
	kill -s $sig $pid
	wait $pid
	status=$?
	check "SIG$sig: 128 + $(kill -l $sig)" exits $((128 + $(kill -l $sig)))
	check "SIG$sig: reports are whole, and say so" \
		eval 'valid results/latest && [ "$(json "d[\"state\"] + d[\"interrupted\"]")" = interruptedSIG$sig ]'
	check "SIG$sig: no process is left" no_fakes
	check "SIG$sig: no temporary files" test -z "$(find results -name '.*' -type f)"
done

# kill -9 of the runner.
"$run" --programs "$fake" --filter 'forever.*,round.seed' >out 2>err &
pid=$!
soon pgrep -f "$fake --case forever.hang" >/dev/null
soon grep -q forever.hang results/latest/tap.txt
kill -9 $pid
wait $pid 2>/dev/null
check "kill -9: no process is left" soon no_fakes
check "kill -9: the files are complete" valid results/latest
check "kill -9: the files show no pass" eval '[ "$(json "d[\"state\"]")" = running ] && grep -q "^not ok .*forever.hang" results/latest/tap.txt'
"$run" --finish results/latest >out 2>err
status=$?
check "--finish: 1, all have a verdict" eval 'exits 1 && valid results/latest && [ "$(json "d[\"state\"]")" = died ] && says "not run: the machine died|Totals: pass:"'

# A pipe whose reader exits.
GM_FAKE='*' timeout 30 "$run" --programs "$fake" --filter 'round.seed,forever.hang' 2>err | head -n 1 >out
check "a closed pipe ends the run" no_fakes

# Streams.
gm 'end.*' --events stream
check "--events renders nothing" eval 'exits 0 && [ ! -s out ]'
"$run" --attach stream >out 2>err
status=$?
check "--attach renders" eval 'exits 1 && says "^# Totals: pass:2 fail:4 xfail:0 xpass:0 skip:1 error:12$" && valid results/latest'
# Up to the middle of the ninth verdict.
line=$(grep -n '"ev":"case_end"' stream | sed -n '9s/:.*//p')
{ head -n $((line - 1)) stream; sed -n "${line}p" stream | head -c 60; } >half
printf 'booting\nBUG: kernel NULL pointer dereference, address: 08\nKernel panic - not syncing: Fatal exception\n' >console
"$run" --attach half --console console --remaining left >out 2>err
status=$?
check "a broken stream: 3" eval 'exits 3 && complains "the machine was lost .*Kernel panic - not syncing: Fatal"'
check "the verdicts before it stand" test "$(grep -cE '^(not )?ok ' out)" -eq 9
check "the case that ran FAILs" eval 'says "^not ok 9 " && says "leak.kernel_log: BUG: kernel NULL pointer" && says "^#     Kernel panic - not syncing: Fatal"'
check "what is left is listed" test "$(($(wc -l <left) + $(grep -cE '^(not )?ok ' out)))" -eq 19
check "no totals before the end" eval '! says "Totals"'
check "files are complete before the end" valid results/latest
died=$(realpath results/latest)
mv out out1
gm 'end.*' --events rest --case-list left
"$run" --attach rest --resume "$died" >out2 2>err
status=$?
check "--resume continues to the end" eval 'exits 1 && grep -q "^# Totals: " out2 && ! grep -q "^TAP" out2 && valid "$died"'
check "test numbers continue" test "$(cat out1 out2 | grep -oE '^(not )?ok [0-9]+' | grep -oE '[0-9]+' | tr '\n' ' ')" = "$(seq -s ' ' 19) "
"$run" --attach half >out 2>err
"$run" --finish results/latest --reason 'gave up after 3 boots' >out2 2>err
status=$?
check "--finish after a lost machine" eval 'exits 1 && grep -q "not run: gave up after 3 boots" out2 && valid results/latest'
: >empty
"$run" --attach empty --console console >out 2>err
status=$?
check "a stream without a run: 3, one line" eval 'exits 3 && complains "no run started there .*Kernel panic"'
mkfifo fifo
"$run" --attach fifo >out 2>err &
pid=$!
gm2() { GM_FAKE=end.pass "$run" --programs "$fake" --events fifo 2>/dev/null; }
gm2
wait $pid
status=$?
check "a FIFO works" eval 'exits 0 && says "^ok 1 end.pass"'
mkfifo mute
"$run" --attach mute --silence 1s >out 2>err 3<>mute
status=$?
check "silence is a hang" eval 'exits 3 && complains "event stream was silent for 1 s"'

# Known failures.
row() { printf '%s\t%s\t%s\t%s\tme\thttps://x\tit is broken\n' "$@"; }
row end.fail 'expected EINVAL, observed 0' - 2100-01-01 >known
gm end.fail --known known
check "a known failure is XFAIL: 0" eval 'exits 0 && says "^not ok 1 end.fail # TODO it is broken$" && says "^# Totals: pass:0 fail:0 xfail:1 " && valid results/latest'
check "results.json says why" test "$(json '(d["cases"][0]["verdict"], d["cases"][0]["known"]["link"], d["exit"])')" = "('XFAIL', 'https://x', 0)"
row end.fail 'another message' - 2100-01-01 >known2
gm end.fail --known known2
check "another failure of that case is a FAIL" eval 'exits 1 && says "^not ok 1 end.fail # time="'
row end.fail 'expected EINVAL' - 2001-01-01 >known2
gm end.fail --known known2
check "an expired row excuses nothing, and warns" eval 'exits 1 && says "^# warning: known failure expired on 2001-01-01, .*end.fail"'
row 'end.*' 'no such text' 'kernel=99..' 2100-01-01 >known2
gm end.fail --known known2 --known known
check "rows of several files, and of other kernels" exits 0
row end.pass 'x' - 2100-01-01 >known2
gm end.pass --known known2
check "a known failure that passes is XPASS: 0" eval 'exits 0 && says "^ok 1 end.pass # TODO passes" && says "xpass:1 " && valid results/latest'
gm end.pass --known known2 --strict-known
check "--strict-known: XPASS is a FAIL" eval 'exits 1 && says "^not ok 1 end.pass" && says "remove that row" && valid results/latest'
echo 'end.pass only' >known2
gm end.pass --known known2
check "a bad row: 2, one line" eval 'exits 2 && complains "--known known2:1: a row has seven fields"'
gm end.pass --known nowhere
check "no such file of rows: 2, one line" eval 'exits 2 && complains "--known nowhere: No such file"'

# More tries.
gm end.fail --retry 2
check "--retry: tried three times, and each try is kept" eval 'exits 1 && says "fails each of 3 tries" && [ "$(json "(len(d[\"cases\"][0][\"tries\"]), d[\"cases\"][0][\"flaky\"])")" = "(3, False)" ] && valid results/latest'
echo 0 >count
GM_FAKE_COUNT=$dir/count gm retry.second --retry 2
check "a case that fails sometimes is a FAIL that is flaky" eval 'exits 1 && says "^not ok 1 " && says "flaky: fails 2 of 3 tries" && [ "$(json "d[\"cases\"][0][\"flaky\"]")" = True ]'
gm end.pass --retry 2
check "a pass is not tried again" eval 'exits 0 && [ "$(json "d[\"cases\"][0][\"runs\"]")" = 1 ]'

# What changed.
gm 'end.*' --filter 'end.pass,end.skip'
mv "$(realpath results/latest)" before
gm 'end.*' --filter 'end.pass,end.fail' --baseline before
check "--baseline names what changed" eval 'says "^# new: end.fail .FAIL." && ! says "gone"'
sed 's/"verdict": "SKIP"/"verdict": "PASS"/' before/results.json >changed.json
gm 'end.*' --filter 'end.pass,end.skip' --baseline changed.json
check "a case that newly skips is named" eval 'exits 0 && says "^# newly skipping: end.skip .PASS, now SKIP.$" && [ "$(json "d[\"changes\"][0][\"change\"]")" = "newly skipping" ]'
gm 'end.*' --filter 'end.pass,end.skip' --baseline changed.json --no-shrink
check "--no-shrink: 1" exits 1
GM_FAKE='end.pass' "$run" --programs "$fake" --baseline before >out 2>err
check "a case that is gone is named" says "^# gone: end.skip"
gm end.pass --baseline known
check "a baseline that is none: 2, one line" eval 'exits 2 && complains "--baseline known: "'
gm end.pass --no-shrink
check "--no-shrink alone: 2" eval 'exits 2 && complains "goes with --baseline"'

# A broken kernel.
GM_FAKE='end.pass' "$run" --programs "$fake" --end-if-broken >out 2>err
status=$?
check "--end-if-broken alone: 2" eval 'exits 2 && complains "goes with --events"'
{
	grep '"ev":"run_start"' stream
	echo '{"ev":"case_start","case":"end.fail","round":0}'
	printf '%s\n' '{"ev":"kmsg","text":"[   10.000000] WARNING: old\n"}'
	echo '{"ev":"case_end","case":"end.fail","round":0,"verdict":"FAIL"}'
	echo '{"ev":"broken","case":"end.fail","reason":"2 task(s) of end.fail survived SIGKILL"}'
} >broken
"$run" --attach broken --remaining left >out 2>err
status=$?
check "a broken kernel: 3, and the summary names the case" eval 'exits 3 && [ "$(json "d[\"deaths\"][0][\"cases\"]")" = "['"'end.fail'"']" ]'
{ head -n 3 broken; echo '{"ev":"case_end","case":"end.fail","round":0,"verdict":"FAIL"}'; echo '{"ev":"case_start","case":"end.skip","round":0}'; } >half
printf '[   10.000000] WARNING: old\n[   11.000000] Oops: 0002\n[   11.1] RIP: f\n' >console
"$run" --attach half --console console >out 2>err
status=$?
check "an Oops in a console without a panic is a FAIL, an old report is not in it" eval 'exits 3 && says "^not ok 2 end.skip # time" && says "leak.kernel_log: .*Oops: 0002" && ! says "leak.kernel_log: .*WARNING: old"'
printf 'WARNING: of unknown time\n' >console
"$run" --attach half --console console >out 2>err
check "a report of unknown time may be an earlier case's: ERROR" says "^not ok 2 end.skip # ERROR"
{ head -n 4 half; } >between
printf '[   11.000000] Kernel panic - not syncing: x\n' >console
"$run" --attach between --console console >out 2>err
check "a panic between two cases is a finding" test "$(json '(d["findings"][0]["clause"], "after the end of end.fail" in d["findings"][0]["text"])')" = "('leak.kernel_log', True)"
cat >dies_test <<'END'
#!/bin/sh
echo '['
kill -SEGV $$
END
chmod +x dies_test
"$run" --programs ./dies_test >out 2>err
status=$?
check "a program that dies as it lists its cases: 3, with the reason" eval 'exits 3 && complains "dies_test --list=json: killed by SIGSEGV"'

# A journal that a killed run left.
mkdir -p journal
echo 7 >knob
printf '%s\t%s\n' "$dir/knob" 3 >journal/1.0.journal
gm end.pass
check "the next start puts back what a killed run changed" eval '[ "$(cat knob)" = 3 ] && complains "put back 1 setting" && exits 0'

# No space, no permission.
if [ "$(id -u)" -eq 0 ]; then
	mkdir small
	if mount -t tmpfs -o size=64k tmpfs small 2>/dev/null; then
		mounted=$dir/small
		gm slow.flood --results small/r
		check "a full disk: one line, 2, and all verdicts" eval 'exits 2 && complains "cannot write small/r.*No space left" && says "^ok 1 slow.flood"'
		head -c 100000 /dev/zero >small/fill 2>/dev/null
		gm end.pass --results small/s
		check "no space at all: one line, 2" eval 'exits 2 && complains "No space left"'
		umount small && mounted=
	fi
	gm end.pass >/dev/null
	setpriv --reuid 65534 --regid 65534 --clear-groups true 2>/dev/null && {
		chmod 711 "$dir"
		mkdir -m 777 open
		cp "$run" "$fake" open/ 2>/dev/null
		GM_FAKE=end.pass setpriv --reuid 65534 --regid 65534 --clear-groups \
			open/gm-run --programs open/fake_test --results open/r >out 2>err
		status=$?
		check "not root: runs" eval 'exits 0 && says "^ok 1 end.pass"'
		GM_FAKE=end.pass setpriv --reuid 65534 --regid 65534 --clear-groups \
			open/gm-run --programs open/fake_test --results open/r --setup >out 2>err
		status=$?
		check "not root: --setup is refused" eval 'exits 2 && complains "run as root"'
		GM_FAKE=end.pass setpriv --reuid 65534 --regid 65534 --clear-groups \
			open/gm-run --programs open/fake_test --results results >out 2>err
		status=$?
		check "no permission to write results: one line, 2" eval 'exits 2 && complains "Permission denied.*--results"'
	}
fi
GM_FAKE=end.pass "$run" --programs "$fake" >/dev/full 2>err
status=$?
: >out
check "a full standard output: one line, 2" eval 'exits 2 && complains "standard output"'

# The page.
page() { grep -qF -- "$1" results/latest/index.html; }
gm 'end.*' --lab accelerator=tcg --lab qemu=7.2
check "the page has the failures, and how to run them again" eval 'page "<article id=\"case-end.fail\">" && page "--filter end.fail --seed" && page "remedy" && page "in QEMU (tcg)"'
check "--lab is in results.json" test "$(json "d['lab']['qemu']")" = 7.2
first=$(readlink results/latest)
gm 'end.*' --filter 'end.pass,end.skip'
check "the page compares with the run before: the cases of both" eval 'page "$first" && page "The two did not select the same cases" && page "Nothing changed"'
gm end.pass --lab Qemu=1
check "--lab without a key: one line, 2" eval 'exits 2 && complains "is not KEY=VALUE"'
"$run" --report "results/$first" --report results/latest --output two.html >out 2>err
status=$?
check "--report: runs side by side" eval 'exits 0 && grep -q "2 runs of kvm-gmem-tests side by side" two.html && [ ! -s err ]'
"$run" --report results/latest --report "$dir" --output two.html >out 2>err
status=$?
check "--report of a folder without results: one line, 2, the page stays" eval 'exits 2 && complains "^gm-run: --report .*results.json" && grep -q "2 runs" two.html'
"$run" --report results/latest --output /nonexistent/x.html >out 2>err
status=$?
check "--output where there is no folder: one line, 2" eval 'exits 2 && complains "cannot write /nonexistent/x.html.*--output"'
gm end.pass
rm results/latest/index.html results/latest/results.json
mkdir results/latest/index.html
"$run" --finish results/latest >out 2>err
status=$?
check "the page cannot be written: one line, 2, the other results are kept" eval 'exits 2 && complains "cannot write results/latest/index.html: Is a directory; the other results are there" && [ "$(json "d[\"state\"]")" = finished ]'
check "no temporary file of the page is left" test -z "$(find results -name '.*' -type f)"

# A terminal.
GM_FAKE='end.*' TERM=xterm script -qec "'$run' --programs '$fake' --filter end.pass,end.fail,end.skip" /dev/null >out 2>err </dev/null
check "a terminal gets a summary, not TAP" eval 'says "1 passed, 1 failed, 0 erred, 1 skipped" && ! says "^TAP" && says "remedy: load the module"'
GM_FAKE='need.*' TERM=xterm script -qec "'$run' --programs '$fake'" /dev/null >out 2>err </dev/null
check "cases skipped for one reason are one line" eval 'says "3 cases: no such conversion .another kernel." && [ "$(grep -c "no such conversion" out)" -eq 2 ] && says "^ +3  no such conversion"'
GM_FAKE='end.*' TERM=xterm script -qec "'$run' --programs '$fake' --filter end.pass,end.fail,end.skip" /dev/null >out 2>err </dev/null
check "in colour" grep -q $'\033\[31m' out
GM_FAKE='end.*' NO_COLOR=1 TERM=xterm script -qec "'$run' --programs '$fake' --filter end.pass,end.fail" /dev/null >out 2>err </dev/null
check "NO_COLOR: none" eval '! grep -q $'"'\\033\\[[0-9]*m'"' out'
check "TAP goes to the file all the same" grep -q '^not ok .* end.fail' results/latest/tap.txt

echo "1..$nr"
