# SPDX-License-Identifier: GPL-2.0-only
"""Many defects in one boot, each switched on at run time; one that takes the VM along costs only itself.

The VM runs a shell script (lab/batch) that asks about one defect after the other. What it prints
is cut into answers by lines that begin with @: @start NAME, @part LABEL, @end NAME.
"""
import os
import subprocess
import time

SWITCH = "/sys/module/gm_mutant/parameters/name"
# A kernel that defects have been at for long is no longer the one that a question is about.
MOST = 40

HEAD = f"""\
switch={SWITCH}
[ -w $switch ] || {{ echo "@no switch"; exit; }}
run="gm-run --programs /gm/bin --contract /gm/contract/clauses.tsv"
# cases NAME SEED CLAUSE-OPTION...: then the first that failed again, without the defect
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
# hunt NAME SEEDS: the stress alone; then what failed again, without the defect
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


def script(rows, line):
    """The guest's script: line(row) asks about one defect."""
    asks = [f"echo '@start {r['name']}'\n{line(r)}\necho '@end {r['name']}'" for r in rows]
    return HEAD + "\n".join(asks) + "\n"


def answers(text):
    """Cuts what a script printed: ({name: {part: text}}, the name that was begun and not ended)."""
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


def boots(command, rows, out, line, env, told, silence=120):
    """Asks about all rows, in as few boots as it takes.

    command(script, out, silence) is run for each boot. told(row, parts) is called with every answer
    as it comes, parts None when the VM died or hung over it; when it returns False the kernel is not
    to be trusted any more, and the rest is asked in a new boot.
    """
    left, nr, empty = list(rows), 0, 0
    while left:
        nr += 1
        where = f"{out}.{nr}"
        now, seen, trust = left[:MOST], set(), True
        with open(where + ".sh", "w", encoding="utf-8") as f:
            f.write(script(now, line))
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
                    trust &= told(by_name[name], found[name])
                if over or not trust:
                    break
                time.sleep(0.5)
        finally:
            if run.poll() is None:
                run.terminate()
        status = run.wait()
        if trust and begun in by_name:
            seen.add(begun)
            told(by_name[begun], None)
        elif not seen and not empty:
            # A busy machine may fail to boot, once.
            empty += 1
            continue
        elif not seen:
            # Nothing at all, twice: the kernel is to blame, and the next boot would be no better.
            with open(where + ".log", encoding="utf-8", errors="replace") as f:
                why = f.read().strip().splitlines()[-1:] or [f"lab/batch ended with {status}"]
            for row in left:
                told(row, {"": "", "nothing": why[0]})
            return nr
        empty = 0
        left = [r for r in left if r["name"] not in seen]
    return nr
