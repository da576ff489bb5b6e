# SPDX-License-Identifier: GPL-2.0-only
"""Which cases to ask about a mutant, in what order; and what their answer means."""
import json
import re

KILLED, DIED, SURVIVED, ERROR, BROKEN = "killed", "died", "survived", "error only", "not asked"
FIRST = (4, 12)     # cases in the first calls of gm-run, which are the likely ones; the last has the rest


def numbers(text):
    """The numbers of a list like 1-3,7."""
    found = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


class Reach:
    """What the run without a defect gave: of each case its program, its time, and what it reached."""

    def __init__(self):
        self.cases = {}

    def add(self, part, results):
        """One lane's part: the lines of the wrapper, and results.json."""
        reached = {}
        for name, text in re.findall(r"^@case (\S+) ([-0-9,]*)$", part, re.M):
            reached[name] = numbers(text)
        for case in results["cases"]:
            if case["name"] in reached and case["verdict"] == "PASS":
                self.cases[case["name"]] = {
                    "clause": case["clause"], "program": case["program"],
                    "seconds": case.get("time", 0), "reached": reached[case["name"]]}

    def save(self, path):
        with open(path, "w", encoding="utf-8") as f:
            json.dump({n: dict(c, reached=sorted(c["reached"])) for n, c in self.cases.items()}, f)

    def load(self, path):
        with open(path, encoding="utf-8") as f:
            self.cases = {n: dict(c, reached=set(c["reached"])) for n, c in json.load(f).items()}

    def all(self):
        return set().union(*(c["reached"] for c in self.cases.values()))

    def order(self, mutant, same_function, kills, seconds):
        """The cases that reach a mutant, the likely ones first, that take no longer than `seconds`.

        Likely are those that killed others of the same function, and those that reach most of that
        function, in little time; of each clause one case before the second one.
        """
        def value(name):
            case = self.cases[name]
            near = len(case["reached"] & same_function) / (len(same_function) or 1)
            return -3 * kills.get(name, 0), -near, case["seconds"]
        found = sorted((n for n, c in self.cases.items() if mutant in c["reached"]), key=value)
        rank, seen = {}, {}
        for name in found:
            clause = self.cases[name]["clause"]
            rank[name] = seen[clause] = seen.get(clause, -1) + 1
        found.sort(key=rank.get)
        chosen, used = [], 0
        for name in found:
            used += self.cases[name]["seconds"]
            if used <= seconds or not chosen:
                chosen.append(name)
        return chosen, len(found)

    def groups(self, cases):
        """The lines for ask() of guest.sh."""
        lines, at = [], 0
        for size in (*FIRST, len(cases)):
            group = cases[at:at + size]
            at += size
            if group:
                programs = sorted({self.cases[c]["program"] for c in group})
                lines.append(f"{','.join(programs)} {' '.join(group)}")
        return lines


def parsed(text):
    try:
        return json.loads(text)
    except ValueError:
        return None


def judge(parts):
    """(verdict, case, message, whether the kernel is still usable) of one answer."""
    cases = [c for name, text in parts.items() if name.startswith("with ")
             for c in (parsed(text) or {"cases": []})["cases"]]
    if not cases:
        return BROKEN, "", parts.get("nothing", "no results"), False
    failed = next((c for c in cases if c.get("verdict") == "FAIL"), None)
    error = next((c for c in cases if c.get("verdict") == "ERROR"), None)
    if failed:
        texts = failed.get("fails") or failed.get("leaks") or [{}]
        message = texts[0].get("text", failed.get("reason", "")).split("\n")[0]
        without = parsed(parts.get("without", "")) or {"cases": [{}]}
        clean = all(c.get("verdict") == "PASS" for c in without["cases"])
        # An Oops leaves locks held: what comes later is not to be trusted.
        hurt = any(leak.get("clause") == "leak.kernel_log" for leak in failed.get("leaks", []))
        return KILLED, failed["name"], message, clean and not hurt
    if error:
        return ERROR, error["name"], error.get("reason", "").split("\n")[0], False
    return SURVIVED, "", f"{len(cases)} cases", True


def last_case(text):
    """The last case that a VM ended before it died, from its TAP output; the next one killed it."""
    found = re.findall(r"^(?:not )?ok \d+ (\S+)", text, re.M)
    return found[-1] if found else ""
