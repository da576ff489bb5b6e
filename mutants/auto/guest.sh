# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC3043 # busybox has local
# In the VM of mutants/auto/run: functions that say which defects a case reaches, and ask cases
# whether one defect is there.
switch=/sys/module/gm_auto/parameters/on
[ -w $switch ] || { echo "@no switch"; exit; }
run="gm-run --contract /gm/contract/clauses.tsv"

# reach SEED: runs the cases of standard input without a defect. After each one prints what it reached. A wrapper
# in place of each test program does that: the case itself is not changed. Nothing else is printed
# meanwhile, since these lines are long.
reach()
{
	local seed="$1" program
	cat > /tmp/cases
	mkdir -p /tmp/wrap
	mkfifo /tmp/reached
	exec 4<> /tmp/reached
	cat /tmp/reached &
	for program in /gm/bin/*_test; do
		cat > "/tmp/wrap/${program##*/}" << END
#!/bin/sh
[ "\$1" = --case ] || exec $program "\$@"
echo > /proc/gm_auto
$program "\$@"
status=\$?
echo "@case \$2 \$(tail -n 1 /proc/gm_auto)" > /tmp/reached
exit \$status
END
		chmod 755 "/tmp/wrap/${program##*/}"
	done
	$run --programs /tmp/wrap --results /tmp/reach --seed "$seed" --case-list /tmp/cases \
		< /dev/null > /tmp/tap 2>&1
	sleep 1
	tail -n 3 /tmp/tap
	echo; echo "@part results"; cat /tmp/reach/latest/results.json; echo
}

# ask NUMBER SEED: switches a defect on, and runs the cases of standard input: lines of programs, with
# commas, and cases, until a case fails. Then runs that case without the defect.
ask()
{
	local number="$1" seed="$2" programs cases program paths bad='' group=0
	echo "$number" > $switch
	while [ -z "$bad" ] && read -r programs cases; do
		group=$((group + 1))
		paths=
		for program in $(echo "$programs" | tr , ' '); do
			paths="$paths --programs /gm/bin/$program"
		done
		echo "$cases" | tr ' ' '\n' > /tmp/cases
		rm -rf /tmp/with
		# shellcheck disable=SC2086 # several words
		$run $paths --results /tmp/with --seed "$seed" --case-list /tmp/cases --until-fail --repeat 1 \
			< /dev/null | tee /tmp/tap
		bad=$(sed -n '/# ERROR/!s/^not ok [0-9]* \([^ ]*\) .*/\1/p' /tmp/tap | head -n 1)
		echo; echo "@part with $group"; cat /tmp/with/latest/results.json; echo; echo "@part tap"
	done
	echo 0 > $switch
	[ -z "$bad" ] || {
		echo "$bad" > /tmp/cases
		# shellcheck disable=SC2086 # several words
		$run $paths --results /tmp/without --seed "$seed" --case-list /tmp/cases < /dev/null
		echo; echo "@part without"; cat /tmp/without/latest/results.json; echo
	}
}
