#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""findings/run: what the answers of repros and cases prove, and what they do not."""
import importlib.machinery
import importlib.util
import os
import sys

sys.dont_write_bytecode = True
TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
LOADER = importlib.machinery.SourceFileLoader("run", os.path.join(TOP, "findings", "run"))
run = importlib.util.module_from_spec(importlib.util.spec_from_loader("run", LOADER))
LOADER.exec_module(run)

FIXED = {"name": "kvm-mmio-stale", "cases": ["a.*"]}  # has a fix.patch
DESIGN = {"name": "pkvm-dma", "cases": ["a.*"]}  # has none
WRONG, RIGHT = ("WRONG", "FAIL"), ("right", "PASS")


def a_fix_is_proved_by_both():
    return run.as_expected(FIXED, WRONG, RIGHT) and \
        run.as_expected(FIXED, ("WRONG", "none"), ("right", "none")) and \
        run.as_expected(DESIGN, WRONG, None)


def without_the_fix_all_must_be_wrong():
    bad = [("right", "FAIL"), ("not asked", "FAIL"), ("hangs", "FAIL"), ("dies or hangs", "FAIL"),
           ("WRONG", "PASS"), ("WRONG", "SKIP"), ("WRONG", "ERROR"), ("WRONG", "not run"),
           ("none", "none")]
    return not any(run.as_expected(FIXED, w, RIGHT) for w in bad)


def with_the_fix_all_must_be_right():
    bad = [("WRONG", "PASS"), ("not asked", "PASS"), ("hangs", "PASS"), ("status 127", "PASS"),
           ("right", "FAIL"), ("right", "SKIP"), ("right", "ERROR"), ("right", "not run"), None]
    return not any(run.as_expected(FIXED, WRONG, w) for w in bad)


def the_worst_case_counts():
    cases = [("a.x", "PASS"), ("a.y", "SKIP"), ("b.z", "FAIL")]
    words = []
    for more in [[], [("a.e", "ERROR")], [("a.e", "ERROR"), ("a.f", "FAIL")]]:
        results = [{"name": n, "verdict": v} for n, v in cases + more]
        words.append(run.case_word(FIXED, results))
    return words == ["PASS", "ERROR", "FAIL"] and run.case_word(FIXED, []) == "not run" and \
        run.case_word({"cases": []}, []) == "none"


def an_image_that_nobody_asked_is_not_ok():
    return [run.image_word(*a) for a in [("right", "SKIP"), ("not asked", "PASS"),
                                         ("not asked", "SKIP"), ("none", "none"),
                                         ("WRONG", "PASS"), ("right", "FAIL"),
                                         ("hangs", "PASS"), ("right", "ERROR")]] == [
        "ok", "ok", "not tested", "not tested", "has the defect", "has the defect", "NOT OK",
        "NOT OK"]


def variables_of_the_user_stay():
    os.environ["KCMD"] = "mine"
    both = run.lab_env({"KCMD": "theirs", "LAB_MODE": "protected"})
    del os.environ["KCMD"]
    return both["KCMD"] == "theirs mine" and both["LAB_MODE"] == "protected" and \
        run.lab_env({})["KCMD"] == ""


def each_folder_has_its_facts():
    return len(run.findings()) > 10 and all(f["arch"] in ("x86", "arm64", "any")
                                            for f in run.findings())


TESTS = [a_fix_is_proved_by_both, without_the_fix_all_must_be_wrong, with_the_fix_all_must_be_right,
         the_worst_case_counts, an_image_that_nobody_asked_is_not_ok, variables_of_the_user_stay,
         each_folder_has_its_facts]
print(f"1..{len(TESTS)}")
ok = [t() for t in TESTS]
for i, t in enumerate(TESTS):
    print("ok" if ok[i] else "not ok", i + 1, t.__name__)
sys.exit(not all(ok))
