# SPDX-License-Identifier: GPL-2.0-only
"""Tests many defects in one boot, each switched on at run time.

The VM runs a shell script (lab/batch) that tests one defect after the other. Lines that begin with @
divide its output into answers: @start NAME, @part LABEL, @end NAME. If a defect kills the VM, the
others continue in a new boot.
"""
import os
import subprocess
import time

SWITCH = "/sys/module/gm_mutant/parameters/name"
# The most defects for one boot: their side effects in the kernel add up.
MAX_ROWS = 40

HEAD = f"""\
switch={SWITCH}
[ -w $switch ] || {{ echo "@no switch"; exit; }}
run="gm-run --programs /gm/bin --contract /gm/contract/clauses.tsv"
# cases NAME SEED CLAUSE-OPTION...: runs the cases, then the first one that failed without the defect
cases()
{{
	local name=$1 seed=$2 bad
	shift 2
	rm -rf /tmp/with /tmp/without
	echo "$name" > $switch
	$run --results /tmp/with --seed $seed "$@" | tee /tmp/tap
	echo none > $switch
	bad=$(sed -n '/# ERROR/!s/^not ok [0-9]* \\([^ ]*\\) .*/\\1/p' /tmp/tap | head -n 1)
	[ -z "$bad" ] || $run --results /tmp/without --seed $seed --filter "$bad"
	echo; echo "@part with"; cat /tmp/with/latest/results.json; echo
	[ -z "$bad" ] || {{ echo "@part without"; cat /tmp/without/latest/results.json; echo; }}
}}
# hunt NAME SEEDS: runs gm-stress hunt, then replays the failures without the defect
hunt()
{{
	local name=$1 seeds=$2 file
	rm -rf /tmp/hunt
	echo "$name" > $switch
	/gm/bin/gm-stress hunt --seeds $seeds --out /tmp/hunt --timeout 20s --shrink-time 0
	echo none > $switch
	for file in /tmp/hunt/*.gmops; do
		[ ! -e "$file" ] || {{ echo "@part without"; /gm/bin/gm-stress replay "$file" --times 3 --timeout 20s; }}
	done
}}
"""


def script(rows, line, head):
    """The guest's script: line(row) is the shell code that tests one defect, with head's functions."""
    steps = [f"echo '@start {r['name']}'\n{line(r)}\necho '@end {r['name']}'" for r in rows]
    return head + "\n".join(steps) + "\n"


def answers(text):
    """Parses a script's output: ({name: {part: text}}, the name that was started and not ended)."""
    found, name, part = {}, None, ""
    for line in text.splitlines():
        word = line.split(" ", 1)
        if word[0] == "@start" and len(word) > 1:
            name, part, parts = word[1], "", {"": []}
        elif name and word[0] == "@part" and len(word) > 1:
            part = word[1]
            parts[part] = []
        elif name and line == f"@end {name}":
            found[name], name = {k: "\n".join(v) for k, v in parts.items()}, None
        elif name:
            parts[part].append(line)
    return found, name


def boots(command, rows, out, line, env, take, silence=120, head=None):
    """Tests all rows, in as few boots as possible. Returns the number of boots.

    Runs command(script, out, silence) for each boot. Calls take(row, parts) for every answer at once;
    parts is None if the VM died or hung. If take() returns False the kernel may be broken, and the
    remaining rows go into a new boot. head: the shell functions that line() uses, HEAD by default.
    """
    left, nr, empty = list(rows), 0, 0
    while left:
        nr += 1
        where = f"{out}.{nr}"
        now, seen, trust = left[:MAX_ROWS], set(), True
        with open(where + ".sh", "w", encoding="utf-8") as f:
            f.write(script(now, line, HEAD if head is None else head))
        open(where, "w", encoding="utf-8").close()
        run = subprocess.Popen(command(where + ".sh", where, silence), env=env,
                               stdin=subprocess.DEVNULL, stderr=open(where + ".log", "w"))
        by_name = {r["name"]: r for r in now}
        begun = None
        try:
            while True:
                over = run.poll() is not None
                with open(where, encoding="utf-8", errors="replace") as f:
                    found, begun = answers(f.read().replace("\r", ""))
                for name in [n for n in found if n not in seen]:
                    seen.add(name)
                    trust &= take(by_name[name], found[name])
                if over or not trust:
                    break
                time.sleep(0.5)
        finally:
            if run.poll() is None:
                run.terminate()
        status = run.wait()
        if trust and begun in by_name:
            seen.add(begun)
            take(by_name[begun], None)
        elif not seen and not empty:
            # Retry once: a boot may fail on a busy machine.
            empty += 1
            continue
        elif not seen:
            # No answer in two boots: the kernel does not boot, so give up.
            with open(where + ".log", encoding="utf-8", errors="replace") as f:
                why = f.read().strip().splitlines()[-1:] or [f"lab/batch ended with {status}"]
            for row in left:
                take(row, {"": "", "nothing": why[0]})
            return nr
        empty = 0
        left = [r for r in left if r["name"] not in seen]
    return nr
