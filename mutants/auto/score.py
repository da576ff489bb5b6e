# SPDX-License-Identifier: GPL-2.0-only
"""Results of mechanical defects: the table, the kill rate of each file, and a page with the source."""
import html
import math
import os
import re

import ask

FIELDS = ("nr", "file", "function", "line", "kind", "before", "after")
KEY = ("file", "function", "kind", "before", "after")
RESULT = (*FIELDS[1:], "verdict", "case", "message", "reaching")
REASONS = ("equivalent", "outside", "performance")


def key(mutant):
    """What names a mutant in every build of every version: not its number, not its line."""
    return tuple(mutant[k] for k in KEY)


class Results:
    """The results of all runs with one kernel, in a file that grows with each of them."""

    def __init__(self, path, again=False):
        self.path, self.rows = path, {}
        if again or not os.path.exists(path):
            with open(path, "w", encoding="utf-8") as f:
                print("# " + "\t".join(RESULT), file=f)
        with open(path, encoding="utf-8") as f:
            for line in f:
                if line[0] != "#":
                    row = dict(zip(RESULT, line.rstrip("\n").split("\t")))
                    self.rows[self.place(row)] = row

    @staticmethod
    def place(row):
        return key(row) + (row["line"],)

    def has(self, mutant):
        return self.place(mutant) in self.rows

    def get(self, mutant):
        return self.rows.get(self.place(mutant))

    def add(self, mutant, verdict, case, message, reaching):
        row = {**{k: mutant[k] for k in FIELDS[1:]}, "verdict": verdict, "case": case,
               "message": " ".join(message.split()), "reaching": str(reaching)}
        self.rows[self.place(row)] = row
        with open(self.path, "a", encoding="utf-8") as f:
            print("\t".join(row[k] for k in RESULT), file=f)


def explained(path):
    """survivors.tsv: {key of a mutant: (reason, why)}."""
    found = {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            for nr, line in enumerate(f, 1):
                if line[0] == "#" or not line.strip():
                    continue
                field = line.rstrip("\n").split("\t")
                if len(field) != 7 or field[5] not in REASONS:
                    raise SystemExit(f"{path}:{nr}: a row has file, function, kind, before, after, one of "
                                     f"{', '.join(REASONS)}, and why, with one TAB between them")
                found[tuple(field[:5])] = (field[5], field[6])
    return found


def wilson(hits, total, z=1.96):
    """The 95 % interval of a rate."""
    if not total:
        return 0.0, 1.0
    p, n = hits / total, total
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    spread = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, middle - spread), min(1.0, middle + spread)


class Tally:
    """The numbers of one file, or of all."""

    def __init__(self, mutants, reached, results, reasons):
        self.all, self.reached = len(mutants), sum(m in reached for m in mutants)
        rows = [(m, results.get(m)) for m in mutants.values()]
        asked = [(m, r) for m, r in rows if r]
        self.asked = len(asked)
        self.count = {v: sum(r["verdict"] == v for _, r in asked)
                      for v in (ask.KILLED, ask.DIED, ask.SURVIVED, ask.ERROR)}
        why = [reasons.get(key(m), ("", ""))[0] for m, r in asked
               if r["verdict"] in (ask.SURVIVED, ask.ERROR)]
        self.reasons = {reason: why.count(reason) for reason in ("", *REASONS)}
        functions = {m["function"] for m in mutants.values()}
        self.functions = len(functions)
        self.functions_reached = len({m["function"] for n, m in mutants.items() if n in reached})
        self.hits = self.count[ask.KILLED] + self.count[ask.DIED]
        self.valid = self.asked - self.reasons["equivalent"]

    def rate(self):
        low, high = wilson(self.hits, self.valid)
        return (f"{100 * self.hits / self.valid:.0f} % ({100 * low:.0f} to {100 * high:.0f})"
                if self.valid else "none asked")

    def cells(self):
        return [self.functions, self.functions_reached, self.all, self.reached, self.asked,
                *self.count.values(), *self.reasons.values(), self.rate()]


HEADS = ("file", "functions", "reached", "defects", "reached", "asked", "killed", "died", "survived",
         "error only", "of those unexplained", *REASONS, "kill rate, 95 % interval")
STYLE = """
body { font: 14px/1.4 system-ui, sans-serif; margin: 2em auto; max-width: 80em; padding: 0 1em;
  color: #222; background: #fff }
table { border-collapse: collapse } th, td { padding: .2em .7em; text-align: right; vertical-align: top;
  border-bottom: 1px solid #ccc } th:first-child, td:first-child { text-align: left }
pre { font: 12px/1.45 ui-monospace, monospace; overflow-x: auto } pre div { white-space: pre }
.survived { background: #fbd5d5 } .error { background: #fde8c8 } .killed { background: #dff2df }
.died { background: #cfe6f7 } .explained { background: #eee } .missing { color: #999 }
.note { padding-left: 6em; white-space: pre-wrap !important; color: #444 }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #1b1b1b }
  th, td { border-color: #444 } .survived { background: #5c2525 } .error { background: #574016 }
  .killed { background: #1f3d22 } .died { background: #1f3a4d } .explained { background: #333 }
  .missing { color: #777 } .note { color: #bbb } }
"""


def listing(file, source, mutants, reached, results, reasons):
    """The source of a file, with its asked mutants; lines that no case reaches are grey."""
    by_line = {}
    for nr, m in mutants.items():
        by_line.setdefault(int(m["line"]), []).append((nr, m))
    out = [f"<h2 id='{html.escape(file)}'>{html.escape(file)}</h2><pre>"]
    shown = {n for line in by_line for n in range(line - 2, line + 3)}
    for nr, text in enumerate(source, 1):
        if nr not in shown:
            if nr - 1 in shown:
                out.append("<div class='missing'>   ...</div>")
            continue
        here = by_line.get(nr, [])
        rows = [(m, results.get(m)) for _, m in here]
        verdicts = [("explained" if key(m) in reasons else r["verdict"].split()[0]) for m, r in rows if r]
        mark = next((v for v in ("survived", "error", "explained", "died", "killed") if v in verdicts),
                    "missing" if here and not any(n in reached for n, _ in here) else "")
        out.append(f"<div class='{mark}'>{nr:5}  {html.escape(text)}</div>")
        for m, r in rows:
            if r and r["verdict"] in (ask.SURVIVED, ask.ERROR):
                reason = ": ".join(reasons.get(key(m), ("no explanation yet",)))
                note = (f"{r['verdict']}: {m['kind']}: {m['before']} -> {m['after'] or 'nothing'}; "
                        f"{r['case']} {r['message']}; {reason}")
                out.append(f"<div class='note'>{html.escape(note)}</div>")
    return "".join(out + ["</pre>"])


def write(mutants, reached, results, out, sources, survivors):
    """Writes OUT/score.html, and prints the table; returns the name of the page."""
    reasons = explained(survivors)
    files = sorted({m["file"] for m in mutants.values()})
    rows = []
    for file in [*files, ""]:
        mine = {n: m for n, m in mutants.items() if file in ("", m["file"])}
        rows.append([file or "all", *Tally(mine, reached, results, reasons).cells()])
    print("\t".join(HEADS))
    for row in rows:
        print("\t".join(str(c) for c in row))
    page = ["<!doctype html><meta charset='utf-8'><title>Mutation score</title><style>", STYLE, "</style>",
            "<h1>Mutation score</h1><p>Defects that the suite kills, of those that its cases reach. "
            "Red: a defect survived. Grey text: no case reaches the line.</p><table><tr>",
            *(f"<th>{h}</th>" for h in HEADS), "</tr>"]
    for row in rows:
        cells = [html.escape(str(c)) for c in row]
        if row[0] != "all":
            cells[0] = f"<a href='#{cells[0]}'>{cells[0]}</a>"
        page.append("<tr>" + "".join(f"<td>{c}</td>" for c in cells) + "</tr>")
    page.append("</table>")
    for file in files:
        path = os.path.join(sources, file.replace("/", "%"))
        if os.path.exists(path):
            with open(path, encoding="utf-8", errors="replace") as f:
                source = [re.sub("\t", "        ", line.rstrip("\n")) for line in f]
            mine = {n: m for n, m in mutants.items() if m["file"] == file}
            page.append(listing(file, source, mine, reached, results, reasons))
    name = os.path.join(out, "score.html")
    with open(name, "w", encoding="utf-8") as f:
        f.write("".join(page))
    return name
