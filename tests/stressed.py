#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""mutants/stressed.py: which defects the stress looks for, and the table of its results."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "mutants"))
import stressed  # noqa: E402 pylint: disable=wrong-import-position


def row(name, area="conv"):
    return {"name": name, "area": area}


def race_defects_get_more_seeds():
    return stressed.command(row("a")) == "hunt a 3" and stressed.command(row("b", "stress")) == "hunt b 10"


def only_the_clean_kernel_lists_places():
    return "gm_reached" in stressed.command(dict(stressed.NONE, area="")) and \
        "gm_reached" not in stressed.command(row("a"))


def only_reached_defects_are_planted():
    places = {"a", "c"}
    return [stressed.reached(r, places) for r in (row("a"), row("b"), row("r", "stress"))] == [True, False, True]


def the_table_is_complete():
    none = dict(stressed.NONE, area="", kernel="Linux 7.3.4 x86_64")
    text = stressed.table([(row("zap"), "caught", "memory over anon, strict", "1\t88\t0.4\tconv.data\ttext"),
                           (none, "MISSED", "-", "3\t36160\t31.0\t-\t-"),
                           (row("flag"), "MISSED", "", stressed.NOT_REACHED),
                           (row("late"), "MISSED", "-", "3\t36160\t29.2\t-\t-"),
                           (row("gone"), "died", "", "the VM died or hung")])
    head = " ".join(l[2:] for l in text.splitlines() if l.startswith("# "))
    lines = [" ".join(l.split()) for l in text.splitlines() if not l.startswith("#")]
    return ("Linux 7.3.4 x86_64 in the lab." in head and "holds: 36160 operations" in head and
            head.endswith("1 caught, 3 missed, of the 4 rows here") and
            lines == ["flag missed " + stressed.NOT_REACHED, "gone died the VM died or hung",
                      "late missed all, 3 seeds 36160 operations 29.2 s",
                      "zap caught memory over anon, strict seed 1 88 operations 0.4 s conv.data"])


TESTS = [race_defects_get_more_seeds, only_the_clean_kernel_lists_places, only_reached_defects_are_planted, the_table_is_complete]
print(f"1..{len(TESTS)}")
ok = [t() for t in TESTS]
for i, t in enumerate(TESTS):
    print("ok" if ok[i] else "not ok", i + 1, t.__name__)
sys.exit(not all(ok))
