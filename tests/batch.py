#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""mutants/batch.py with a fake VM: a row that dies costs only its own boot, and each row runs once."""
import os
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "mutants"))
import batch  # noqa: E402 pylint: disable=wrong-import-position

# Stands in for lab/batch: runs the rows of the script until one is called dies*.
FAKE = """
import sys
for line in open(sys.argv[1]):
    if line.startswith("echo '@start"):
        name = line.split()[2].rstrip("'\\n")
        print("@start", name, file=open(sys.argv[2], "a"), flush=True)
        if name.startswith("dies"):
            sys.exit(3)
        print("@part with\\n{", name, "}\\n@end", name, file=open(sys.argv[2], "a"), flush=True)
"""


def ask(names, distrust=()):
    answers = []

    def one(row, parts):
        answers.append((row["name"], None if parts is None else parts.get("with", parts.get("nothing"))))
        return row["name"] not in distrust

    with tempfile.TemporaryDirectory() as tmp:
        fake = os.path.join(tmp, "fake.py")
        with open(fake, "w", encoding="utf-8") as f:
            f.write(FAKE)
        boots = batch.boots(lambda script, out, silence: [sys.executable, fake, script, out],
                            [{"name": n} for n in names], os.path.join(tmp, "out"),
                            lambda r: "true", dict(os.environ), one)
    return answers, boots


def answers_are_cut():
    found, begun = batch.answers("noise\n@start a\nx\n@part with\n{\n}\n@end a\n@start b\n@end a\n")
    return found == {"a": {"": "x", "with": "{\n}"}} and begun == "b"


def one_boot_asks_all():
    answers, boots = ask(["a", "b", "c"])
    return answers == [("a", "{ a }"), ("b", "{ b }"), ("c", "{ c }")] and boots == 1


def a_dead_row_costs_one_boot():
    answers, boots = ask(["a", "dies1", "b", "dies2", "c"])
    return [n for n, _ in answers] == ["a", "dies1", "b", "dies2", "c"] and boots == 3 and \
        [p is None for _, p in answers] == [False, True, False, True, False]


def a_broken_kernel_is_left():
    answers, boots = ask(["a", "b", "c"], distrust=["a"])
    return sorted(n for n, _ in answers) == ["a", "b", "c"] and boots <= 2


def all_of_many_are_asked():
    names = [f"n{i}" for i in range(2 * batch.MAX_ROWS + 1)]
    answers, boots = ask(names)
    return [n for n, _ in answers] == names and boots == 3


def no_boot_at_all():
    batch.HEAD, head = "", batch.HEAD
    answers = []
    with tempfile.TemporaryDirectory() as tmp:
        boots = batch.boots(lambda *_: ["sh", "-c", "echo no QEMU here >&2; exit 2"],
                            [{"name": "a"}, {"name": "b"}], os.path.join(tmp, "out"), lambda r: "true",
                            dict(os.environ), lambda r, p: answers.append(p["nothing"]))
    batch.HEAD = head
    return answers == ["no QEMU here"] * 2 and boots == 2


TESTS = [answers_are_cut, one_boot_asks_all, a_dead_row_costs_one_boot, a_broken_kernel_is_left,
         all_of_many_are_asked, no_boot_at_all]
print(f"1..{len(TESTS)}")
ok = [t() for t in TESTS]
for i, t in enumerate(TESTS):
    print("ok" if ok[i] else "not ok", i + 1, t.__name__)
sys.exit(not all(ok))
