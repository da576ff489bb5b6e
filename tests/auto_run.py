#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""mutants/auto/run with a fake VM: what is reached is asked, and every answer gets its verdict."""
import contextlib
import io
import json
import os
import sys
import tempfile
from importlib.machinery import SourceFileLoader

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
AUTO = os.path.join(HERE, "..", "mutants", "auto")
sys.path[:0] = [AUTO, os.path.dirname(AUTO)]
run = SourceFileLoader("auto_run", os.path.join(AUTO, "run")).load_module()

# Stands in for lab/batch: case k reaches the mutants up to 10 * k. Of the mutants, multiples of 7 kill
# the VM, multiples of 3 survive, multiples of 5 give an ERROR, the others make the first case FAIL.
FAKE = r"""
import json, re, sys
text, out = open(sys.argv[1]).read(), open(sys.argv[2], "a")
def put(*words):
    print(*words, file=out, flush=True)
def case(name, verdict):
    return {"name": name, "clause": name.rsplit(".", 1)[0], "program": "a_test", "verdict": verdict,
            "time": 1.5, "reason": "no", "fails": [{"text": "bad"}] if verdict == "FAIL" else []}
for row in re.findall(r"echo '@start (\w+)'\n(.*?)\necho '@end", text, re.S):
    put("@start", row[0])
    words = row[1].split("\n")
    if row[0] == "reach":
        for k in map(int, re.findall(r"a\.b\.c(\d)", row[1])):
            put(f"@case a.b.c{k} 1-{10 * k}")
        put("@part results")
        put(json.dumps({"cases": [case(f"a.b.c{k}", "PASS") for k in (1, 2, 3)]}))
    else:
        nr, first = int(row[0]), words[1].split()[1]
        if nr % 7 == 0:
            put("ok 1 a.b.c1 # time=1ms")
            sys.exit(3)
        verdict = "PASS" if nr % 3 == 0 else "ERROR" if nr % 5 == 0 else "FAIL"
        for group in (1, 2) if verdict == "PASS" else (1,):
            put("1..1\n# TAP of gm-run")
            put(f"@part with {group}")
            put(json.dumps({"cases": [case(first, verdict)]}))
            put("@part tap")
        if verdict == "FAIL":
            put("@part without")
            put(json.dumps({"cases": [case(first, "PASS")]}))
    put("@end", row[0])
put("lab: the script is over")
"""


def results(folder, *more):
    """Runs it on 40 mutants of two functions; returns ({number: row of the table}, the page)."""
    image, out = os.path.join(folder, "k", "bzImage"), os.path.join(folder, "out", "x86")
    for path in (os.path.dirname(image), os.path.join(out, "bin")):
        os.makedirs(path, exist_ok=True)
    with open(os.path.join(os.path.dirname(image), "mutants.tsv"), "w", encoding="utf-8") as f:
        for nr in range(1, 41):
            print(nr, "mm/x.c", "fg"[nr % 2], nr, "negated", f"a{nr}", f"!a{nr}", sep="\t", file=f)
    with open(os.path.join(os.path.dirname(image), "mm%x.c"), "w", encoding="utf-8") as f:
        f.write("int x;\n" * 50)
    lister = os.path.join(out, "bin", "gm-run")
    with open(lister, "w", encoding="utf-8") as f:
        f.write("#!/bin/sh\necho a.b.c1; echo a.b.c2; echo a.b.c3\n")
    os.chmod(lister, 0o755)
    fake = os.path.join(folder, "fake.py")
    with open(fake, "w", encoding="utf-8") as f:
        f.write(FAKE)

    def command(lane, script, where, _):
        lane.where = where
        return [sys.executable, fake, script, where]
    run.Lane.command = command
    os.environ.update(O=os.path.join(folder, "out"), ARCH="x86")
    sys.argv = ["run", "--image", image, "--seed", "1", "--lanes", "1", *more]
    with contextlib.redirect_stdout(io.StringIO()):
        run.main()
    kept = os.path.join(out, "mutants-auto", "k")
    with open(os.path.join(kept, "results.tsv"), encoding="utf-8") as f:
        rows = [line.rstrip("\n").split("\t") for line in f if line[0] != "#"]
    with open(os.path.join(kept, "score.html"), encoding="utf-8") as f:
        return {int(r[2]): r for r in rows}, len(rows), f.read()


def every_answer_has_its_verdict():
    with tempfile.TemporaryDirectory() as folder:
        rows, _, page = results(folder)
    expected = {nr: "died" if nr % 7 == 0 else "survived" if nr % 3 == 0 else
                "error only" if nr % 5 == 0 else "killed" for nr in range(1, 31)}
    return {nr: r[6] for nr, r in rows.items()} == expected and "40" in page and rows[7][7] == "a.b.c1" and \
        rows[1][8] == "bad" or json.dumps({nr: r[6] for nr, r in rows.items()})


def a_sample_is_asked_once():
    with tempfile.TemporaryDirectory() as folder:
        _, first, _ = results(folder, "--sample", "10")
        _, second, _ = results(folder, "--sample", "10")
        _, third, _ = results(folder, "--sample", "20")
    return (first, second, third) == (10, 10, 20) or [first, second, third]


TESTS = [every_answer_has_its_verdict, a_sample_is_asked_once]

if __name__ == "__main__":
    failed = 0
    print(f"1..{len(TESTS)}", flush=True)
    for at, test in enumerate(TESTS, 1):
        ok = test()
        failed += ok is not True
        print(f"ok {at} auto.{test.__name__}" if ok is True else f"not ok {at} auto.{test.__name__} # {ok}")
    sys.exit(failed > 0)
